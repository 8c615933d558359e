// A folder that is dropped on "My pictures" becomes one TAR file: Gradio's upload knows files only, and the
// folders' names are the classes.

const BLOCK = 512;  // of a TAR
const NAME = 100;  // bytes of a path that a header holds
const MOST = 200_001;  // files of one drop: one more than are taken in, so that the answer says so
const utf8 = new TextEncoder();

// --- the folder ------------------------------------------------------------------------------------

// An empty one for what the browser may not read: it is told by its name when it is taken in.
const fileOf = (entry) => new Promise((done) => entry.file(done, () => done(new File([], entry.name))));

function unlisted(folder) {
  const name = `the folder ${folder.name} cannot be listed.jpg`;
  return { isFile: true, name, fullPath: `${folder.fullPath}/${name}`, file: (_, fail) => fail() };
}

// The browser gives a folder's entries a hundred at a time, until there are none; one that it may not list is told
// by an empty picture in it.
async function entriesOf(folder) {
  const reader = folder.createReader(), all = [];
  for (;;) {
    const some = await new Promise((done) => reader.readEntries(done, () => done(null)));
    if (!some) return [...all, unlisted(folder)];
    if (!some.length) return all;
    all.push(...some);
  }
}

async function collect(entry, found) {
  if (found.length >= MOST || entry.name.startsWith(".")) return;
  if (entry.isFile) found.push({ path: entry.fullPath.replace(/^\//, ""), file: await fileOf(entry) });
  else for (const inner of await entriesOf(entry)) await collect(inner, found);
}

// --- the TAR ---------------------------------------------------------------------------------------

// kind "0": a file; "L": the path, too long for its header, of the next (GNU tar).
function header(path, size, kind) {
  const block = new Uint8Array(BLOCK);
  const put = (bytes, at) => block.set(bytes, at), text = (words, at) => put(utf8.encode(words), at);
  const octal = (value, digits) => `${value.toString(8).padStart(digits, "0")}\0`;
  put(path.slice(0, NAME), 0);
  text(octal(0o644, 7) + octal(0, 7) + octal(0, 7) + octal(size, 11) + octal(0, 11), NAME);
  text(`        ${kind}`, 148);  // the sum counts itself as blanks
  text("ustar\u000000", 257);
  text(`${block.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

const padding = (size) => new Uint8Array((BLOCK - (size % BLOCK)) % BLOCK);

function partsOf({ path, file }) {
  const name = utf8.encode(path), own = [header(name, file.size, "0"), file, padding(file.size)];
  if (name.length <= NAME) return own;
  return [header(utf8.encode("././@LongLink"), name.length + 1, "L"), name, "\0", padding(name.length + 1), ...own];
}

// The files are read when they are sent, not here.
export function tar(entries) {
  return new Blob([...entries.flatMap(partsOf), new Uint8Array(2 * BLOCK)], { type: "application/x-tar" });
}

// --- the page --------------------------------------------------------------------------------------

// entries: {path, file}, as one archive to Gradio's box.
export function hand(box, entries, name) {
  const carrier = new DataTransfer();
  carrier.items.add(new File([tar(entries)], `${name}.tar`));
  const input = box.querySelector("input[type=file]");
  input.files = carrier.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

async function drop(box, folders) {
  const found = [];
  for (const folder of folders) await collect(folder, found);
  hand(box, found, folders[0].name);
}

// On the document: the box is there only once its part of the form was opened.
export function mountFolderDrop() {
  document.addEventListener("drop", (event) => {
    const box = event.target.closest?.("#my-files");
    const entries = box ? [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()) : [];
    if (!entries.some((entry) => entry?.isDirectory)) return;
    event.preventDefault();
    event.stopPropagation();
    drop(box, entries.filter(Boolean));
  }, true);
}

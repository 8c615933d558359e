// A folder that is dropped on "My pictures" becomes one TAR file: Gradio's upload knows files only, and the
// folders' names are the classes.

const BLOCK = 512;  // of a TAR
const MOST = 100_000;  // files of one drop
const utf8 = new TextEncoder();

// --- the folder ------------------------------------------------------------------------------------

const filesOf = (entry) => new Promise((done, fail) => entry.file(done, fail));

// The browser gives a folder's entries a hundred at a time, until there are none.
async function entriesOf(folder) {
  const reader = folder.createReader(), all = [];
  for (;;) {
    const some = await new Promise((done, fail) => reader.readEntries(done, fail));
    if (!some.length) return all;
    all.push(...some);
  }
}

async function collect(entry, found) {
  if (found.length >= MOST || entry.name.startsWith(".")) return;
  if (entry.isFile) found.push({ path: entry.fullPath.replace(/^\//, ""), file: await filesOf(entry) });
  else for (const inner of await entriesOf(entry)) await collect(inner, found);
}

// --- the TAR ---------------------------------------------------------------------------------------

// ustar keeps 100 bytes of a name and 155 of the folders before it; null for a path that does not fit.
function namesOf(path) {
  if (utf8.encode(path).length <= 100) return [path, ""];
  for (let at = path.indexOf("/"); at >= 0; at = path.indexOf("/", at + 1)) {
    const [folders, name] = [path.slice(0, at), path.slice(at + 1)];
    if (utf8.encode(name).length <= 100) return utf8.encode(folders).length <= 155 ? [name, folders] : null;
  }
  return null;
}

function header(name, prefix, size) {
  const block = new Uint8Array(BLOCK);
  const put = (text, at) => block.set(utf8.encode(text), at);
  const octal = (value, digits) => `${value.toString(8).padStart(digits, "0")}\0`;
  put(name, 0);
  put(octal(0o644, 7) + octal(0, 7) + octal(0, 7) + octal(size, 11) + octal(0, 11), 100);
  put("        0", 148);  // the sum counts itself as blanks; 0: a file
  put("ustar\u000000", 257);
  put(prefix, 345);
  put(`${block.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

// The files are read when they are sent, not here.
export function tar(entries) {
  const parts = [];
  for (const { path, file } of entries) {
    const names = namesOf(path);
    if (names) parts.push(header(...names, file.size), file, new Uint8Array((BLOCK - (file.size % BLOCK)) % BLOCK));
  }
  return new Blob([...parts, new Uint8Array(2 * BLOCK)], { type: "application/x-tar" });
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

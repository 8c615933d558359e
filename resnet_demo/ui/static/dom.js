// What the panels' scripts share of the page. All text reaches it by textContent.

export const UNDER_WAY = ["queued", "running", "paused", "stopping"];
export const LATE = { error: "The server did not answer. Try again." };
const TOKEN = "resnet-demo-token";
const OWNER_ONLY = "Only the owner may do this: sign in, or give the admin token";

export function make(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

export const dark = () => document.body.classList.contains("dark");

// A button that only who may steer can press; `why` says what else it waits for.
export function allow(button, can, owner, why = button.dataset.note || "") {
  button.disabled = !can || !owner;
  button.title = !owner ? OWNER_ONLY : can ? button.dataset.note || "" : why;
}

export function save(name, href) {
  make("a", { href, download: name }).click();
}

export function saveText(name, text, type) {
  const href = URL.createObjectURL(new Blob([text], { type }));
  save(name, href);
  setTimeout(() => URL.revokeObjectURL(href), 60_000); // Safari reads it later
}

// Browsers refuse a page to keep anything while it stands in another's frame, as a Space does: then it is forgotten
// with the page.
const inPage = new Map();

export function remember(name, text) {
  inPage.set(name, text);
  try {
    localStorage.setItem(name, text);
  } catch { /* refused */ }
}

export function remembered(name) {
  let kept = null;
  try {
    kept = localStorage.getItem(name);
  } catch { /* refused */ }
  return kept ?? inPage.get(name) ?? null;
}

// The admin token: kept in this browser until its box is emptied, sent with each call.
export function token() {
  const box = document.querySelector("#admin-token input, #admin-token textarea");
  if (box && !box.dataset.kept) {
    box.dataset.kept = "yes";
    box.addEventListener("input", () => remember(TOKEN, box.value));
    box.value ||= remembered(TOKEN) || "";
    box.dispatchEvent(new Event("input")); // Gradio listens too
  }
  return box?.value || "";
}

// Whether a person agrees that something is removed; browsers may refuse confirm() in another page's frame.
export function agrees(panel, question) {
  const answer = (value, textContent) => make("button", { value, textContent, autofocus: !value });
  const buttons = make("div", { className: "buttons" }, answer("yes", "Remove"), answer("", "Keep"));
  const dialog = make("dialog", { className: "card ask", ariaLabel: question },
    make("form", { method: "dialog" }, make("p", { textContent: question }), buttons));
  panel.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.onclose = () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    };
  });
}

export const inAddress = (name) => new URLSearchParams(location.search).get(name);

// The address that leads back to this view: {name: value, or null to leave it out}.
export function addressOf(names) {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(names)) {
    if (value) url.searchParams.set(name, value);
    else url.searchParams.delete(name);
  }
  return url.href;
}

// Charts have colours of their own for a dark page.
export function onThemeChange(redraw) {
  new MutationObserver(redraw).observe(document.body, { attributeFilter: ["class"] });
}

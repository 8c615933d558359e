// The Lab panel. Figures are drawn by the server and embedded; while a lab races, only new points
// are asked for and appended.

const viewer = Math.random().toString(36).slice(2), dark = () => document.body.classList.contains("dark");
const shown = new Map();  // place -> [view manager, document] of each figure in it
let chosen = new URLSearchParams(location.search).get("lab"), now = {}, have = {}, sources = new Map(), drawn = {}, busy = false, again = false, last = 0, job = null, failures = 0;

// --- watching ----------------------------------------------------------------------------------

async function poll() {
  if (document.hidden || element.clientWidth === 0) return;
  if (busy) { again = true; return; }
  busy = true;
  const asked = chosen;
  try {
    const answer = await server.poll({ lab: asked, have, viewer, token: token() });
    failures = 0;
    if (answer.error) find(".state").textContent = answer.error;
    else if (asked === chosen) await take(answer);
  } catch (error) {
    console.error(error);
    failures += 1;
    find(".state").textContent = `no answer from the server, trying again (${failures})`;
  } finally {
    busy = false;
    last = Date.now();
    if (again) { again = false; setTimeout(poll); }
  }
}

async function take(answer) {
  if (answer.lab !== now.lab) { have = {}; sources = new Map(); drawn = {}; for (const place of [".race", ".why"]) find(place).replaceChildren(); }
  const begun = now.lab === answer.lab;
  now = answer;
  drawHead();
  if (!answer.lab) return;
  drawGuess();
  drawTable();
  drawVerdict();
  if (find(".raced").hidden) return;
  if (!begun || drawn.race !== raceKey()) await drawRace();
  else append(answer.lines);
  if (drawn.why !== whyKey()) await drawWhy();
}

// What the figures depend on besides their lines.
const raceKey = () => `${now.lab} ${now.steps} ${now.rows.length} ${dark()}`;
const whyKey = () => `${now.lab} ${now.why} ${dark()}`;

async function drawRace() {
  drawn.race = raceKey();
  have = {};
  const told = await server.drawings({ lab: now.lab, part: "race", dark: dark() }).catch(() => LATE);
  if (told.error) { drawn.race = null; return; }
  sources = new Map();
  const panels = await embed(find(".race"), told.drawings);
  for (const name of now.rows.flatMap((row) => [`${row.arch} train`, `${row.arch} val`])) {
    const source = panels.map((panel) => panel.get_model_by_name(name)).find(Boolean);
    if (source) { sources.set(name, source); note(name, source.data.x); }
  }
  say();
}

function note(name, x) { if (x.length) have[name] = x[x.length - 1]; }

function append(lines) {
  for (const [name, line] of Object.entries(lines)) {
    const source = sources.get(name);
    if (!source || line.x[0] <= (have[name] ?? -1)) continue;
    source.stream(line);
    note(name, line.x);
  }
  say();
}

// For those who hear the page: where the curves stand.
function say() {
  [...find(".race").querySelectorAll("figure")].forEach((figure, index) => {
    const kind = index ? "resnet" : "plain", words = [];
    for (const [name, source] of sources) if (name.startsWith(kind) && name.endsWith(" train") && source.data.mean.length) words.push(`${name.slice(0, -6).replace("resnet", "residual-").replace("plain", "plain-")} ${source.data.mean[source.data.mean.length - 1].toFixed(1)} %`);
    const now_ = figure.querySelector(".now");
    const text = words.length ? `Training error now: ${words.join(", ")}.` : "No points yet.";
    if (now_.textContent !== text) { now_.textContent = text; figure.firstElementChild.setAttribute("aria-label", `${figure.dataset.title}. ${text}`); }
  });
}

async function drawWhy() {
  drawn.why = whyKey();
  const told = await server.drawings({ lab: now.lab, part: "why", dark: dark() }).catch(() => LATE);
  if (told.error) drawn.why = null;
  else await embed(find(".why"), told.drawings);
}

// Figures into fresh slots, in the place of older ones; returns their documents.
async function embed(place, drawings) {
  for (const [manager, old] of shown.get(place) || []) { manager.clear(); old.clear(); Bokeh.documents.splice(Bokeh.documents.indexOf(old), 1); }
  const fresh = [];
  shown.set(place, fresh);
  const slots = drawings.map(({ item, title, caption }) => {
    const box = make("div"), slot = make("figure", {}, box, make("figcaption", {}, make("span", { className: "now" }), ` ${caption}`));
    slot.dataset.title = title;
    box.setAttribute("role", "img");
    box.setAttribute("aria-label", `${title}. ${caption}`);
    return [slot, box, item];
  });
  place.replaceChildren(...slots.map(([slot]) => slot));
  for (const [, box, item] of slots) {
    const manager = await Bokeh.embed.embed_item(item, box);
    fresh.push([manager, manager.roots[0].model.document]);
  }
  return fresh.map(([, one]) => one);
}

// --- words and numbers ---------------------------------------------------------------------------

function drawHead() {
  const { lab, labs, state, step, steps, message, protocol, data, may_steer: allowed } = now;
  find(".choice").hidden = !labs.length;
  const text = JSON.stringify(labs);
  if (find(".which").dataset.text !== text) {
    find(".which").dataset.text = text;
    find(".which").replaceChildren(...labs.map((one) => make("option", { value: one.lab, textContent: `${one.lab}: ${one.protocol} on ${one.data}` })));
  }
  find(".which").value = lab || "";
  find(".state").textContent = lab ? `Lab ${lab} (${protocol} on ${data}) is ${state}${message ? `: ${message}` : steps ? `, iteration ${step.toLocaleString("en")} of ${steps.toLocaleString("en")}${now.eta ? `, about ${spoken(now.eta)} left` : ""}` : ""}.` : "No lab yet. Choose how long you have got and press Start the lab.";
  find(".state").dataset.state = state || "";
  find("header progress").value = steps ? step / steps : 0;
  const alive = UNDER_WAY.includes(state), finished = (now.rows || []).some((row) => row.state === "finished");
  const may = (button, can, why) => {
    button.disabled = !can || !allowed;
    button.title = !allowed ? "Only the owner may do this: sign in, or give the admin token" : can ? button.dataset.note || "" : why;
  };
  may(find("[data-do=pause]"), state === "running", "Nothing is training");
  may(find("[data-do=resume]"), ["paused", "interrupted", "stopped", "failed"].includes(state) || (state === "finished" && now.unmeasured), alive ? "It is training" : "All has finished");
  may(find("[data-do=stop]"), alive, "Nothing is training");
  may(find("[data-do=delete]"), lab && !alive, alive ? "Stop the lab first" : "There is no lab");
  may(find("[data-work=landscape]"), finished && !alive && job === null, job ? "A measurement is under way" : alive ? "Wait until the lab has ended: it takes all cores" : "Train a lab first");
  for (const button of element.querySelectorAll("[data-file]")) { button.disabled = !lab; button.title = lab ? button.dataset.note || "" : "There is no lab"; }
  find("[data-work=initialisation]").disabled = job !== null;
}

const spoken = (seconds) => (seconds >= 7200 ? `${(seconds / 3600).toFixed(1)} hours` : seconds >= 120 ? `${Math.round(seconds / 60)} minutes` : `${seconds} seconds`);
const error = (cell) => (cell ? `${cell.mean.toFixed(1)} ± ${((cell.high - cell.low) / 2).toFixed(1)}` : "–");

function drawTable() {
  find(".errors tbody").replaceChildren(...now.table.map((row) => {
    const cells = [row.params?.toLocaleString("en") || "–", error(row.plain.train), error(row.plain.val), error(row.residual.train), error(row.residual.val), error(row.gap)];
    return make("tr", {}, make("th", { scope: "row", textContent: row.depth }), ...cells.map((cell) => make("td", { textContent: cell })));
  }));
  const { num_train: train, num_val: val } = now.rows[0] || {};
  find(".n").textContent = train ? `n = ${train.toLocaleString("en")} training and ${val?.toLocaleString("en") ?? "–"} validation pictures.` : "";
}

function drawVerdict() {
  const over = !UNDER_WAY.includes(now.state), text = over ? JSON.stringify(now.verdict) : now.state;
  if (find(".verdict").dataset.text === text) return;
  find(".verdict").dataset.text = text;
  find(".verdict").replaceChildren(...(over
    ? now.verdict.map((one) => make("p", {}, make("b", { textContent: `${one.question} ${one.claim}: ${one.outcome}. ` }), one.why))
    : [make("p", { textContent: "The verdict comes when all networks have finished." })]));
  drawGuessed();
}

// --- guess first -----------------------------------------------------------------------------------

const memory = () => `resnet-demo-guess-${now.lab}-${now.created}`;
const guessed = () => JSON.parse(localStorage.getItem(memory()) || "null");

function drawGuess() {
  const open = guessed() === null, { asks } = now;
  find(".guess").hidden = !open;
  find(".raced").hidden = open;
  if (!open || find(".guess").dataset.lab === memory()) return;
  find(".guess").dataset.lab = memory();
  for (const name of ["plain", "residual", "place"]) options(name, asks[name]);
  find(".depth").replaceChildren(...asks.depths.map(({ depth, why_not: why }) => make("option", { value: depth, textContent: why ? `${depth} (not one)` : depth, disabled: Boolean(why), title: why, selected: depth === asks.chosen })));
  find(".no-depth").textContent = asks.note;
}

function options(name, values) {
  find(`.guess .${name}`).replaceChildren(...values.map((value) => make("label", {}, make("input", { type: "radio", name: `lab-${name}`, value, required: true }), ` ${value} `)));
}

function keep(guess) {
  localStorage.setItem(memory(), JSON.stringify(guess));
  drawGuessed();
  poll();
}
const picked = (name) => find(`.guess .${name} input:checked`)?.value;
find(".guess").onsubmit = (event) => {
  event.preventDefault();
  keep({ plain: picked("plain"), residual: picked("residual"), place: picked("place"), depth: Number(find(".depth").value) });
};
find(".skip").onclick = () => keep({});

async function drawGuessed() {
  const guess = guessed(), place = find(".guessed");
  place.replaceChildren();
  if (!guess?.plain || UNDER_WAY.includes(now.state)) return;
  const lab = now.lab, told = await server.guess({ lab, guess }).catch(() => LATE);
  if (now.lab !== lab) return;
  const rows = (told.answers || []).map((one) => make("p", { textContent: `${one.question}: you said ${one.guessed}, it was ${one.found ?? "not measured"}${one.right === null ? "" : one.right ? " ✓ right" : " ✗ otherwise"}${one.note ? ` (${one.note})` : ""}.` }));
  place.replaceChildren(make("h3", { textContent: "Your guess" }), ...(told.error ? [make("p", { textContent: told.error })] : rows));
}

// --- doing -------------------------------------------------------------------------------------------

// The Train tab's box keeps it.
const token = () => document.querySelector("#admin-token input, #admin-token textarea")?.value || localStorage.getItem("resnet-demo-token") || "";

function choose(lab) {
  chosen = lab;
  const url = new URL(location.href);
  url.searchParams.set("tab", "lab");
  lab ? url.searchParams.set("lab", lab) : url.searchParams.delete("lab");
  history.replaceState(history.state, "", url);
  poll();
}
find(".which").onchange = () => choose(find(".which").value);
window.addEventListener("resnet-lab", (event) => choose(event.detail));

for (const button of element.querySelectorAll("[data-do]")) button.onclick = async () => {
  const command = button.dataset.do;
  if (command === "delete" && !confirm("Remove this lab, its runs and their weights from the disk?")) return;
  find(".answer").textContent = "…";
  const told = await server.steer({ lab: now.lab, command, token: token() }).catch(() => LATE);
  find(".answer").textContent = told.error || told.answer;
  if (command === "delete" && !told.error) choose(null); else poll();
};

for (const button of element.querySelectorAll("[data-file]")) button.onclick = async () => {
  const told = await server.files({ lab: now.lab, kind: button.dataset.file }).catch(() => LATE);
  if (told.error) { find(".answer").textContent = told.error; return; }
  const link = make("a", { href: URL.createObjectURL(new Blob([told.text], { type: told.type })), download: told.name });
  link.click();
  URL.revokeObjectURL(link.href);
};

for (const button of element.querySelectorAll("[data-work]")) button.onclick = async () => {
  const kind = button.dataset.work, answer = await work({ kind, lab: now.lab, dark: dark(), token: token() });
  if (kind === "initialisation" && answer) await embed(find(".before"), [answer.drawing]);
  if (kind === "landscape") { drawn.why = null; poll(); }
};
find(".halt").onclick = () => job && server.stop({ job });

async function work(question) {
  if (job) return null;
  job = "starting";
  find(".waiting").hidden = false;
  const started = await server.work(question).catch(() => LATE);
  job = started.job || null;
  find(".doing").textContent = started.error || "";
  let told = {};
  while (job && !told.answer && !told.error) {
    if (now.labs) drawHead();
    find(".halt").hidden = false;
    told = await server.progress({ job }).catch(() => ({ what: "no answer, trying again" }));
    find(".waiting progress").value = told.total ? told.done / told.total : told.answer ? 1 : 0;
    find(".doing").textContent = told.error || (told.answer ? "Done." : `${told.what}${told.total ? `: ${told.done} of ${told.total}` : ""}`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  job = null;
  find(".halt").hidden = true;
  if (now.labs) drawHead();
  return told.answer || null;
}

// --- beginning -----------------------------------------------------------------------------------------

// What tests look at.
element.querySelector(".lab").drawnPoints = (name) => { const data = sources.get(name)?.data; return data ? [[...data.x], [...data.mean]] : [[], []]; };

(async () => {
  await bokeh().catch(() => {});  // without charts there are still states and numbers
  new MutationObserver(() => now.lab && poll()).observe(document.body, { attributeFilter: ["class"] });
  const timer = setInterval(() => {
    if (!document.contains(element)) return clearInterval(timer);
    const wait = UNDER_WAY.includes(now.state) ? now.pace || 1 : Math.max(3, now.pace || 1);
    if (Date.now() - last > 1000 * wait - 200) poll();
  }, 250);
})();

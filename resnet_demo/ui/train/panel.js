// The Train panel. It asks for new points only, and tells the server what a person wants of a run.

import { bokeh } from "../static/charts.js";
import {
  LATE, UNDER_WAY, addressOf, agrees, allow, inAddress, make, onThemeChange, saveText, token,
} from "../static/dom.js";
import { accuracy, count, last, minutes, number, percent, points } from "../static/format.js";
import { Poller } from "../static/poll.js";
import * as charts from "./charts.js";
import { mountCamera } from "./camera.js";
import { mountFolderDrop } from "./folder_drop.js";
import { drawReport, mountReport } from "./report.js";
import { find, receive, state } from "./state.js";

const SURE = {
  cancel: "Cancel this run and remove all it wrote?",
  delete: "Remove this run and its weights from the disk?",
};
const SHIPPED = "shipped"; // runs/shipped.py
const NO_RUN = "No run yet. Press Start; or try the network that ships with the app in Classify.";
const NO_CHARTS = "The charts' script did not come: runs are listed without charts. Reload to try again.";
const MOST_DRAWN = 6; // runs in the same charts: MAX_RUNS of feed.py
const FULL = "Six runs are drawn at once: leave one out first";
const viewer = Math.random().toString(36).slice(2);
let poller;

// --- asking ------------------------------------------------------------------------------------

const wanted = () => (state.followed ? null : state.main);
const cursor = ({ generation, step, epoch }) => ({ generation, step, epoch });

async function ask() {
  const main = wanted(), runs = {}, { digest } = state;
  for (const run of new Set([...state.compared, ...(state.main ? [state.main] : [])])) {
    runs[run] = state.series.has(run) ? cursor(state.series.get(run)) : {};
  }
  const answer = await state.server.poll({ main, digest, runs, viewer, token: token() });
  if (answer.error) find(".state").textContent = answer.error;
  else if (wanted() === main) take(answer);
  else setTimeout(poller.now); // another run was chosen meanwhile
}

function take(answer) {
  if (answer.missing) {
    const instead = answer.main ? ` This is run ${answer.main}.` : "";
    find(".answer").textContent = `There is no run ${answer.missing} here (any more).${instead}`;
    state.followed = true;
  }
  const other = answer.main !== state.main;
  Object.assign(state, { main: answer.main, head: answer.head || {}, owner: answer.may_steer, pace: answer.pace });
  if (answer.runs) Object.assign(state, { rows: answer.runs, digest: answer.digest });
  let fresh = other || (!charts.isDrawn() && state.main && Boolean(window.Bokeh));
  for (const [run, news] of Object.entries(answer.series)) fresh = receive(run, news) || fresh;
  drawHead(); // first: charts take the width that they are shown at
  if (fresh) charts.build();
  else charts.refresh(answer.series);
  if (answer.runs || other || fresh) drawRuns();
  charts.describe();
}

// --- the run that is shown ---------------------------------------------------------------------

function numbers({ best_top1: best, ci95, n, top1, epoch, epochs, step, steps, seconds, ...head }) {
  return [
    `best ${accuracy(best, ci95, n)}`,
    `last epoch ${percent(top1)}`,
    `epoch ${epoch ?? 0}/${epochs ?? "–"}`,
    `step ${step ?? 0}/${steps || "–"}`,
    head.images_per_s ? `${number(head.images_per_s)} images/s` : null,
    `${minutes(seconds)} spent`,
    head.machine ? `on ${head.machine}` : null,
  ].filter(Boolean).join("  ·  ");
}

// The three numbers that matter, large.
function figures({ best_top1: best, ci95, n, seconds, eta, run }) {
  const half = ci95 ? `, ± ${((ci95[1] - ci95[0]) / 2).toFixed(1)}` : "", alive = UNDER_WAY.includes(state.head.state);
  return {
    "big-top1": percent(best),
    "under-top1": n ? `right of ${count(n)} validation pictures${half}` : "right, after the first epoch",
    "big-loss": points(last(state.series.get(run)?.lines.val_loss?.[1] || [])),
    "big-time": minutes(alive ? eta : seconds),
    "under-time": alive ? "minutes left" : "minutes of training",
  };
}

function drawHead() {
  const { head } = state;
  find(".live").classList.toggle("empty", !state.main);
  if (!state.main) {
    find(".state").textContent = NO_RUN;
    return;
  }
  const what = `${head.arch || ""} on ${head.data || ""}`, shipped = head.run === SHIPPED;
  find(".title").textContent = shipped ? "The network that ships with this page" : `Run ${head.run} · ${what}`;
  find(".state").textContent = find(".state").dataset.state = head.state;
  find(".message").textContent = head.message || (shipped ? `${what}. This is how it was trained.` : "");
  find(".message").dataset.state = head.state;
  for (const [name, text] of Object.entries(figures(head))) find(`.${name}`).textContent = text;
  find(".numbers").textContent = numbers(head);
  find("progress").value = head.steps ? head.step / head.steps : 0;
  find("progress").hidden = !UNDER_WAY.includes(head.state);
  const failed = head.state === "failed";
  find(".diagnosis").textContent = failed ? "" : [head.diagnosis, head.estimate].filter(Boolean).join(" ");
  drawButtons(head.state, shipped);
  drawReport();
  for (const [link, tab] of [[".use", "classify"], [".inside", "inspect"]]) {
    find(link).hidden = !head.epoch;
    find(link).href = `?tab=${tab}&model=${shipped ? "bundled" : `run:${head.run}`}`;
  }
}

function drawButtons(now, shipped) {
  const alive = UNDER_WAY.includes(now);
  const can = {
    pause: now === "running",
    resume: ["paused", "stopped", "interrupted", "failed"].includes(now),
    stop: alive && now !== "stopping",
    cancel: alive,
    delete: !alive && !shipped,
    set: now !== "finished",
    twin: true,
  };
  for (const [name, on] of Object.entries(can)) allow(find(`[data-do=${name}]`), on, state.owner);
}

// --- the list of runs --------------------------------------------------------------------------

function drawRuns() {
  find(".runs tbody").replaceChildren(...state.rows.map(lineOf));
  find(".runs").hidden = state.rows.length === 0;
}

function lineOf(row) {
  const cell = (text, className = "") => make("td", { textContent: text, className });
  const tag = cell(row.state, "tag");
  tag.dataset.state = row.state;
  const open = make("button", { textContent: row.run, type: "button", className: "open" });
  open.onclick = () => choose(row.run);
  const line = make(
    "tr", {}, make("td", {}, compareBox(row.run)), make("td", {}, open), tag, cell(row.arch), cell(row.data),
    cell(accuracy(row.best_top1, row.ci95), "number"), cell(`${row.epoch}/${row.epochs}`, "number"),
    cell(row.minutes ?? "–", "number"), cell(row.seed, "number"),
  );
  line.dataset.run = row.run;
  line.classList.toggle("chosen", row.run === state.main);
  return line;
}

function compareBox(run) {
  const checked = state.compared.has(run) || run === state.main;
  const full = !checked && new Set([...state.compared, state.main]).size >= MOST_DRAWN;
  const look = { checked, disabled: full, title: full ? FULL : "", ariaLabel: `Compare run ${run}` };
  const box = make("input", { type: "checkbox", ...look });
  if (checked) box.style.accentColor = charts.colour(run); // the legend of the charts
  box.onchange = () => {
    if (box.checked) state.compared.add(run);
    else state.compared.delete(run);
    charts.build();
    drawRuns();
    poller.now();
  };
  return box;
}

function choose(run) {
  Object.assign(state, { main: run, followed: run === null });
  const address = addressOf({ run });
  if (address !== location.href) history.pushState(history.state, "", address);
  find(".log-text").textContent = "";
  find(".details").open = false;
  poller.now();
}

// --- doing -------------------------------------------------------------------------------------

async function steer(command, value = "") {
  const run = state.main; // another may begin while it is asked
  if (SURE[command] && !await agrees(state.element, SURE[command])) return;
  find(".answer").textContent = "…";
  const answer = await state.server.steer({ run, command, value, token: token() }).catch(() => LATE);
  find(".answer").textContent = answer.error || answer.answer;
  if (answer.run) choose(answer.run);
  else if (SURE[command] && !answer.error) choose(null);
  poller.now();
}

// One after the other, and all that is answered.
async function change() {
  const said = [];
  for (const name of ["lr", "epochs"]) {
    const { value } = find(`.new-${name}`);
    if (!value) continue;
    await steer("set", `${name}=${value}`);
    said.push(find(".answer").textContent);
  }
  find(".answer").textContent = said.join(" ") || "Write a new lr, or a new number of epochs, first.";
}

async function download() {
  const told = await state.server.csv({ run: state.main }).catch(() => LATE);
  if (told.error) find(".answer").textContent = told.error;
  else saveText(told.name, told.text, "text/csv");
}

async function openLog() {
  if (!find(".details").open || !state.main) return;
  const told = await state.server.details({ run: state.main, token: token() }).catch(() => LATE);
  find(".log-text").textContent = told.error || told.log;
}

function listen() {
  for (const button of state.element.querySelectorAll("[data-do]")) {
    const command = button.dataset.do;
    button.onclick = command === "set" ? change : () => steer(command);
  }
  find(".smoothing").oninput = charts.fill;
  find(".log").onchange = charts.rebuild;
  find(".unzoom").onclick = charts.unzoom;
  find(".csv").onclick = download;
  find(".details").ontoggle = openLog;
  window.addEventListener("resnet-run", (event) => choose(event.detail));
  window.addEventListener("popstate", () => {
    if (inAddress("run") !== wanted()) choose(inAddress("run"));
  });
  onThemeChange(charts.rebuild);
}

export async function mount(element, server) {
  Object.assign(state, { element, server });
  poller = new Poller(element, ask, (sentence) => (find(".state").textContent = sentence));
  listen();
  mountReport();
  mountFolderDrop();
  mountCamera();
  const { drawnPoints, ranges, zoomed } = charts;
  Object.assign(find(".live"), { tick: poller.now, drawnPoints, ranges, zoomed }); // for tests and `bench viewers`
  await bokeh().catch(() => (find(".answer").textContent = NO_CHARTS));
  poller.start(() => (UNDER_WAY.includes(state.head.state) ? state.pace : Math.max(3, state.pace)));
}

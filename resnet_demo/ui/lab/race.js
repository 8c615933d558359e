// The race and the figures that say why: drawn by the server; while a lab races, only new points
// are asked for and appended.

import { embed } from "../static/charts.js";
import { LATE, dark } from "../static/dom.js";
import { last } from "../static/format.js";
import { find, state } from "./state.js";

let sources = new Map(); // name of a line -> its data source
let drawn = {}; // what the figures were drawn for: {race, why}

// What the figures depend on besides their lines.
const keys = {
  race: () => `${state.now.lab} ${state.now.steps} ${state.now.rows.length} ${dark()}`,
  why: () => `${state.now.lab} ${state.now.why} ${dark()}`,
};

export function forget() {
  state.have = {};
  sources = new Map();
  drawn = {};
  for (const place of [".race", ".why"]) find(place).replaceChildren();
}

export function forgetWhy() {
  drawn.why = null;
}

// begun: this lab was on the page before.
export async function drawFigures(begun) {
  if (!begun || drawn.race !== keys.race()) await drawRace();
  else append(state.now.lines);
  if (drawn.why !== keys.why()) await draw("why");
}

// The documents of a part's figures; null when they did not come.
async function draw(part) {
  drawn[part] = keys[part]();
  const told = await state.server.drawings({ lab: state.now.lab, part, dark: dark() }).catch(() => LATE);
  if (told.error) drawn[part] = null;
  return told.error ? null : embed(find(`.${part}`), told.drawings);
}

async function drawRace() {
  state.have = {};
  const panels = await draw("race");
  if (!panels) return;
  sources = new Map();
  for (const name of state.now.rows.flatMap(({ arch }) => [`${arch} train`, `${arch} val`])) {
    const source = panels.map((panel) => panel.get_model_by_name(name)).find(Boolean);
    if (source) {
      sources.set(name, source);
      note(name, source.data.x);
    }
  }
  say();
}

function note(name, x) {
  if (x.length) state.have[name] = last(x);
}

function append(lines) {
  for (const [name, line] of Object.entries(lines)) {
    const source = sources.get(name);
    if (!source || line.x[0] <= (state.have[name] ?? -1)) continue;
    source.stream(line);
    note(name, line.x);
  }
  say();
}

// For those who hear the page: where the curves stand.
function say() {
  [...find(".race").querySelectorAll("figure")].forEach((figure, index) => {
    const kind = index ? "resnet" : "plain", words = [];
    for (const [name, { data }] of sources) {
      if (!name.startsWith(kind) || !name.endsWith(" train") || !data.mean.length) continue;
      const arch = name.replace(" train", "").replace("resnet", "residual-").replace("plain", "plain-");
      words.push(`${arch} ${last(data.mean).toFixed(1)} %`);
    }
    const text = words.length ? `Training error now: ${words.join(", ")}.` : "No points yet.";
    if (figure.querySelector(".now").textContent === text) return;
    figure.querySelector(".now").textContent = text;
    figure.firstElementChild.setAttribute("aria-label", `${figure.dataset.title}. ${text}`);
  });
}

// For tests.
export function drawnPoints(name) {
  const data = sources.get(name)?.data;
  return data ? [[...data.x], [...data.mean]] : [[], []];
}

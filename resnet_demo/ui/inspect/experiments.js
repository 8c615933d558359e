// Two dimmers, and the ensemble of paths: experiments of the Inspect panel on the picture shown.

import { plot, put } from "../static/charts.js";
import { LATE, make } from "../static/dom.js";
import { percent } from "../static/format.js";
import { bars } from "./network.js";
import { strengths } from "./results.js";
import { colour, find, isPlain, isShown, sides, state } from "./state.js";

const NOT_DIMMED = { error: "A plain network has no shortcuts: there is nothing to dim." };
let asked = 0, waiting = false; // one question at a time; the newest position of the hand wins

// --- two dimmers ---------------------------------------------------------------------------------

async function dim() {
  const mine = ++asked;
  for (const [name, value] of Object.entries(strengths())) {
    if (name !== "block") find(`.dim-${name} + output`).textContent = value.toFixed(2);
  }
  if (waiting) return;
  waiting = true;
  await Promise.all(sides().map((side) => dimOne(side)));
  waiting = false;
  if (mine !== asked) dim();
}

async function dimOne(side) {
  const { a, b, block } = strengths(), question = { ...side.question, a, b, block }, place = placeOf(".dimmed", side);
  const told = isPlain(side) ? NOT_DIMMED : await state.server.dim(question).catch(() => LATE);
  if (!isShown(side)) return;
  const title = `${side.record.model}: ${a} F(x) + ${b} x in ${block || "all blocks"}`;
  place.replaceChildren(told.error ? make("p", { textContent: told.error }) : bars(title, told.top));
}

// Where an experiment draws what it found of one network.
function placeOf(selector, side) {
  const place = find(selector), name = side.record.model;
  let mine = [...place.children].find((one) => one.dataset.model === name);
  if (!mine) {
    mine = make("div");
    mine.dataset.model = name;
    place.append(mine);
  }
  mine.style.setProperty("--side", colour(side));
  return mine;
}

// --- the ensemble of paths -----------------------------------------------------------------------

async function split() {
  const button = find(".split");
  button.disabled = true;
  find(".paths").replaceChildren();
  for (const side of sides()) drawPaths(side, await state.server.paths(side.question).catch(() => LATE));
  button.disabled = false;
}

function drawPaths(side, told) {
  if (!isShown(side)) return;
  const place = placeOf(".paths", side);
  if (told.error) {
    place.replaceChildren(make("p", { textContent: told.error }));
    return;
  }
  const { shares, pictures } = told, n = shares.length - 1;
  const chart = make("figure", {}, make("div"), make("figcaption"));
  const image = make("img", { src: pictures[n], alt: "Gradient of the picture", className: "large" });
  const range = make("input", { type: "range", min: 0, max: n, value: n, ariaLabel: "Longest path that is kept" });
  const words = make("p");
  range.oninput = () => {
    const k = Number(range.value), share = shares.slice(0, k + 1).reduce((a, b) => a + b, 0);
    image.src = pictures[k];
    words.textContent = `Paths through at most ${k} of ${n} blocks: ${percent(share)} of the summed norms.`;
  };
  place.replaceChildren(chart, make("label", {}, "keep paths up to ", range), words, image);
  range.oninput();
  const figure = plot("gradient by path length", "percent of the norms", { height: 200 });
  figure.vbar({ x: shares.map((_, k) => k), top: shares, width: 0.8, fill_color: colour(side), line_color: null });
  const paths = isPlain(side) ? "paths: a plain network has one" : `2^${n} paths`;
  put(chart, figure, `${side.record.model}: how many blocks' branches the gradient of the class's logit went ` +
    `through, over all ${paths}; ${told.mean.toFixed(1)} in the mean.`);
}

// --- code, and what each block already knows ------------------------------------------------------

async function showCode() {
  const [side] = sides(), place = find(".walk"), { block } = state;
  if (block === "stem") {
    place.replaceChildren(make("p", { textContent: "The stem is no block. Click a tile of layer1 to layer4 first." }));
    return;
  }
  const told = await state.server.code({ ...side.question, block }).catch(() => LATE);
  if (!isShown(side) || block !== state.block) return;
  if (told.error) {
    place.replaceChildren(make("p", { textContent: told.error }));
    return;
  }
  const values = told.values.map(valueOf), listing = make("pre", { tabIndex: 0 });
  const light = (name) => {
    for (const one of values) one.classList.toggle("lit", one.dataset.name === name);
  };
  for (const { text, value } of told.lines) {
    const line = make("span", { textContent: text, className: value ? "makes" : "" });
    if (value) line.onmouseenter = () => light(value);
    listing.append(line);
  }
  const whose = make("p", { textContent: `${block} of ${side.record.model}` });
  place.replaceChildren(whose, listing, make("div", { className: "values" }, ...values));
}

function valueOf({ name, shape, norm, picture }) {
  const words = `${name}: ${shape.join(" × ")}, norm ${norm.toFixed(1)}`;
  const image = make("img", { src: picture, alt: words });
  const made = make("figure", {}, image, make("figcaption", { textContent: words }));
  made.dataset.name = name;
  return made;
}

async function showEarly() {
  const figure = plot("From here on shortcuts only", "probability, percent", { height: 240, x_axis_label: "block" });
  const words = [], looked = sides();
  for (const side of looked) {
    const told = await state.server.early(side.question).catch(() => LATE), rows = told.rows || [];
    if (told.error) words.push(`${side.record.model}: ${told.error}`);
    if (!rows.length) continue;
    const x = rows.map((_, index) => index), y = rows.map((row) => 100 * row.probability);
    figure.line(x, y, { color: colour(side), line_width: 2 });
    figure.scatter(x, y, { color: colour(side), size: 6 });
    const first = rows.find((_, index) => rows.slice(index).every((row) => row.class === told.class));
    words.push(`${side.record.model} says ${told.class} for good from ${first?.name ?? "nowhere"} on.`);
  }
  if (!looked.every(isShown)) return;
  find(".knows").hidden = false;
  put(find(".knows"), figure, "Probability of the class if all later blocks only passed on what they got; no " +
    `training. ${words.join(" ")}`);
}

// What was found belongs to a picture and its networks.
export function forgetExperiments() {
  for (const place of [".dimmed", ".paths", ".walk"]) find(place).replaceChildren();
  find(".knows").hidden = true;
}

// Dimmers stay where the hand left them.
export function dimAgain() {
  const { a, b } = strengths();
  if (a !== 1 || b !== 1) dim();
}

export function mountExperiments() {
  find(".words").onclick = () => sides().length && showCode();
  find(".early").onclick = () => sides().length && showEarly();
  for (const name of ["a", "b"]) find(`.dim-${name}`).oninput = () => sides().length && dim();
  find(".dim-where").onchange = () => sides().length && dim();
  find(".split").onclick = () => sides().length && split();
}

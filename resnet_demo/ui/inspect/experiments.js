// Two dimmers, and the ensemble of paths: experiments of the Inspect panel on the picture shown.

import { plot, put } from "../static/charts.js";
import { LATE, make } from "../static/dom.js";
import { percent } from "../static/format.js";
import { bars } from "./network.js";
import { colour, find, isPlain, sides, state } from "./state.js";

let asked = 0, waiting = false; // one question at a time; the newest position of the hand wins

// --- two dimmers ---------------------------------------------------------------------------------

const strength = (name) => Number(find(`.dim-${name}`).value);

async function dim() {
  const mine = ++asked;
  for (const name of ["a", "b"]) find(`.dim-${name} + output`).textContent = strength(name).toFixed(2);
  if (waiting) return;
  waiting = true;
  await Promise.all(sides().map((side) => dimOne(side)));
  waiting = false;
  if (mine !== asked) dim();
}

async function dimOne(side) {
  const place = placeOf(".dimmed", side);
  if (isPlain(side)) {
    place.replaceChildren(make("p", { textContent: "A plain network has no shortcuts: there is nothing to dim." }));
    return;
  }
  const block = find(".dim-where").value === "one" ? state.block : "";
  const question = { ...side.question, block: block === "stem" ? "" : block, a: strength("a"), b: strength("b") };
  const told = await state.server.dim(question).catch(() => LATE);
  place.replaceChildren(told.error ? make("p", { textContent: told.error }) : bars(side.record.model, told.top));
}

// Where an experiment draws what it found of one network.
function placeOf(selector, side) {
  const place = find(selector), name = side.record.model;
  let mine = [...place.children].find((one) => one.dataset.model === name);
  if (!mine) {
    for (const old of [...place.children]) {
      if (!sides().some((other) => other.record.model === old.dataset.model)) old.remove();
    }
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
  const figure = plot(`${side.record.model}: gradient by path length`, "percent of the norms", { height: 200 });
  figure.vbar({ x: shares.map((_, k) => k), top: shares, width: 0.8, fill_color: colour(side), line_color: null });
  put(chart, figure, "How many blocks' branches the gradient of the class's logit went through, over all " +
    `${isPlain(side) ? "paths: a plain network has one" : `2^${n} paths`}; ${told.mean.toFixed(1)} in the mean.`);
}

export function mountExperiments() {
  for (const name of ["a", "b"]) find(`.dim-${name}`).oninput = () => sides().length && dim();
  find(".dim-where").onchange = () => sides().length && dim();
  find(".split").onclick = () => sides().length && split();
}

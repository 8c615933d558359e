// The Inspect panel: what a picture does in one or two networks, side by side. The tab sends what to
// show by the event "resnet-inspect".

import { bokeh, plot, put } from "../static/charts.js";
import { LATE, addressOf, dark, inAddress, make, onThemeChange } from "../static/dom.js";
import { last, scientific } from "../static/format.js";
import { fillMeasures, measure } from "./measures.js";
import { drawSide } from "./network.js";
import { dimAgain, forgetExperiments, mountExperiments } from "./experiments.js";
import { mountResults } from "./results.js";
import { colour, find, isPale, isPlain, isShown, say, sides, state } from "./state.js";

const HOW_TO = "Click a block. Double-click switches it off; click an arc to unplug its shortcut.";
const NO_PICTURE = "Drop a picture on the left, or choose an example.";
let asking = 0; // the number of the last look; what is late is thrown away

// --- asking ------------------------------------------------------------------------------------

// Everything about the picture in each network.
async function look() {
  const mine = ++asking, late = () => mine !== asking;
  if (!state.asked?.picture) {
    state.shown = [];
    forgetExperiments();
    find(".sides").replaceChildren();
    say(state.asked?.told || NO_PICTURE);
    return;
  }
  say("Looking …");
  const fresh = [];
  for (const model of [state.asked.model, state.asked.other].filter(Boolean)) {
    fresh.push(await lookInto(model));
    if (late()) return;
    if (fresh.length === 1 && !fresh[0].error) show([...fresh]);
  }
  show(fresh);
  for (const side of sides()) {
    await lookDeeper(side, late);
    if (late()) return;
  }
  draw();
  dimAgain();
}

async function lookInto(model) {
  const question = { picture: state.asked.picture, target: targetFor(model), shared: find(".shared").checked, model };
  let answer = await state.server.look(question).catch(() => LATE);
  if (answer.error && question.target !== "") { // it may not know this class
    question.target = "";
    answer = await state.server.look(question).catch(() => LATE);
  }
  return { ...answer, question: { ...question, version: answer.version } };
}

// A number means the same class only in a network with the same classes.
function targetFor(model) {
  const { value, dataset, selectedOptions } = find(".target");
  if (value === "") return "";
  const before = state.shown.find((one) => one.question.model === model);
  const same = before && JSON.stringify(before.classes) === dataset.known;
  return same ? Number(value) : selectedOptions[0].textContent;
}

async function lookDeeper(side, late) {
  const { blocks, error } = await state.server.deeper(side.question).catch(() => LATE);
  if (late()) return;
  if (error) {
    say(error);
    return;
  }
  side.record.blocks.forEach((row, index) => Object.assign(row, blocks[index]));
  side.deep = true;
}

// --- drawing -----------------------------------------------------------------------------------

function show(fresh) {
  const first = fresh.find((one) => !one.error), { dataset } = find(".inspect");
  if (!fresh.some(isShown)) forgetExperiments();
  state.shown = fresh;
  if (first && state.asked.model !== dataset.model) {
    find(".data").value = first.data;
    dataset.model = state.asked.model;
  }
  if (first) fillTargets(first);
  fillEpochs(fresh[0]);
  const names = first?.record.blocks.map((row) => row.name) || [];
  if (!names.includes(state.block)) state.block = last(names) || null;
  draw();
}

function draw() {
  const focused = document.activeElement?.closest?.(".side") && document.activeElement.dataset.block;
  const open = [...state.element.querySelectorAll(".channels")].map((one) => one.open);
  const errors = state.shown.filter((one) => one.error).map((one) => one.error);
  say(errors.join(" ") || HOW_TO);
  find(".reading").textContent = measure().reading;
  find(".sides").replaceChildren(...sides().map((side) => drawSide(side, redraw)));
  drawProfile();
  drawEvery();
  keep();
  if (focused) find(`[data-block="${focused}"]`)?.focus();
  state.element.querySelectorAll(".channels").forEach((one, index) => {
    one.open = open[index] || false;
  });
  const looked = state.shown.map((one) => one.question.model + (one.deep ? "+" : ""));
  find(".inspect").dataset.drawn = [state.asked?.picture, ...looked].join(" ");
}

// After a click in a network: dimmers may act in the block that is chosen.
function redraw() {
  draw();
  dimAgain();
}

// The address that opens this view again; pictures that were dropped stay with whoever dropped them.
function keep() {
  const { asked, block, off, unplugged } = state;
  if (!asked || state.element.clientWidth === 0) return;
  const names = { model: asked.model, beside: asked.other, block, off: [...off].join(), unplug: [...unplugged].join() };
  history.replaceState(history.state, "", addressOf({ tab: "inspect", ...names }));
}

async function copyLink() {
  keep();
  try { // a page that came by http from elsewhere has no clipboard
    await navigator.clipboard.writeText(location.href);
    say("The link is copied: networks, block and cuts, without the picture.");
  } catch {
    say(`This browser does not copy by itself: ${location.href}`);
  }
}

function reopen() {
  const listed = (name) => new Set((inAddress(name) || "").split(",").filter(Boolean));
  Object.assign(state, { block: inAddress("block"), off: listed("off"), unplugged: listed("unplug") });
}

function fillTargets(side) {
  const box = find(".target"), before = box.value, known = JSON.stringify(side.classes), wasKnown = box.dataset.known;
  if (wasKnown === known) return;
  box.dataset.known = known;
  const options = side.classes.map((textContent, value) => make("option", { value, textContent }));
  box.replaceChildren(make("option", { value: "", textContent: "the most probable" }), ...options);
  const name = before === "" ? null : JSON.parse(wasKnown || "[]")[Number(before)];
  box.value = side.classes.includes(name) ? side.classes.indexOf(name) : "";
}

function fillEpochs(side) {
  const epochs = side?.epochs || [], [run, at] = state.asked.model.split("@");
  find(".through").hidden = find(".tools .strip").hidden = epochs.length === 0;
  find(".tools .strip").href = `?tab=train&run=${run.replace("run:", "")}`;
  if (!epochs.length) return;
  const range = find(".epoch"), place = epochs.indexOf(Number(at));
  range.max = epochs.length - 1;
  range.value = place < 0 ? epochs.length - 1 : place;
  range.dataset.epochs = JSON.stringify(epochs);
  find(".through output").textContent = at ?? "best";
}

// The chosen measure over the blocks of both networks.
function drawProfile() {
  const { title, of, log } = measure();
  if (!window.Bokeh?.Plotting || !sides().length) return;
  const lines = sides().map((side) => profileOf(side, of, log)), place = find(".profile");
  const wanted = JSON.stringify([title, lines, dark()]);
  if (place.dataset.drawn === wanted) return; // another block was chosen: the same profile
  place.dataset.drawn = wanted;
  const axes = { y_axis_type: log ? "log" : "linear", x_axis_label: "block, from the stem" };
  const figure = plot(title, title, axes);
  for (const { x, y, color } of lines.filter(({ x }) => x.length)) {
    figure.line(x, y, { color, line_width: 2 });
    figure.scatter(x, y, { color, size: 6 });
  }
  put(place, figure, `${lines.map(({ words }) => words).join("; ")}.`);
}

function profileOf(side, of, log) {
  const known = side.record.blocks.map((row, index) => [index, of(row)]);
  const points = known.filter(([, y]) => y !== null && y !== undefined && (!log || y > 0));
  const [x, y] = [0, 1].map((column) => points.map((point) => point[column])), { model } = side.record;
  const named = `${isPlain(side) ? "orange" : "blue"}${isPale(side) ? ", pale" : ""}`;
  const range = `first block ${scientific(y[0])}, last ${scientific(last(y))}`;
  return { x, y, color: colour(side), words: x.length ? `${model} (${named}): ${range}` : `${model} has none` };
}

// Feature maps and Grad-CAM at every block.
function drawEvery() {
  const open = find(".every").open ? sides() : [];
  find(".all").replaceChildren(...open.map((side) => {
    const table = make("table", {}, make("caption", { textContent: side.record.model }));
    for (const row of side.record.blocks) table.insertRow().append(...everyCells(side, row));
    return make("div", { className: "scroll" }, table);
  }));
}

function everyCells(side, { name, deletion, deletion_random: random }) {
  const score = deletion === undefined ? "…" : `${scientific(deletion)} (random ${scientific(random)})`;
  return [
    make("th", { scope: "row", textContent: name }),
    make("td", {}, make("img", { src: side.cams[name], alt: `Grad-CAM of ${name}`, width: 72 })),
    make("td", { className: "number", textContent: score }),
    make("td", {}, make("img", { src: side.strips[name], alt: `Strongest channels of ${name}`, className: "strip" })),
  ];
}

// --- beginning ---------------------------------------------------------------------------------

function chooseEpoch() {
  const epochs = JSON.parse(find(".epoch").dataset.epochs), run = state.asked.model.split("@")[0];
  state.asked = { ...state.asked, model: `${run}@${epochs[Number(find(".epoch").value)]}` };
  find(".inspect").dataset.model = state.asked.model;
  look();
}

// A hidden tab costs nothing: opening it asks again.
function receive({ detail }) {
  const { dataset } = find(".inspect");
  if (state.element.clientWidth === 0 || detail === dataset.asked) return;
  dataset.asked = detail;
  state.asked = JSON.parse(detail);
  look();
}

export async function mount(element, server) {
  Object.assign(state, { element, server });
  reopen();
  fillMeasures();
  mountResults();
  mountExperiments();
  find(".measure").onchange = () => state.shown.length && draw();
  find(".target").onchange = find(".shared").onchange = look;
  find(".every").ontoggle = drawEvery;
  find(".epoch").onchange = chooseEpoch;
  find(".copy").onclick = copyLink;
  window.addEventListener("resnet-inspect", receive);
  find(".inspect").record = () => state.shown.map((side) => side.record); // for tests
  await bokeh();
  onThemeChange(() => state.shown.length && draw());
  drawProfile();
}

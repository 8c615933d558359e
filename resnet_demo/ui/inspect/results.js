// Long work of the Inspect panel, and what it found: tables and charts.

import { colourOf, lineColour, paleColour, plot, put, putDrawing } from "../static/charts.js";
import { dark, make, onThemeChange } from "../static/dom.js";
import { between, pictures, points, scientific } from "../static/format.js";
import { LongWork } from "../static/poll.js";
import { save } from "./network.js";
import { find, state } from "./state.js";

// Cuts that the first network has; another model may have been chosen since.
const hasBlock = (name) => state.shown[0]?.record?.blocks.some((row) => row.name === name);
const here = (cuts) => [...cuts].filter((cut) => hasBlock(cut.split(":")[0])); // "layer2.1:17": a channel
const mostAlike = () => Math.max(2, Math.min(64, Number(find(".n").value)));

// What each button asks for, and what draws its answer.
const LONG = {
  lesion: [({ model }) => ({ kind: "lesion", model }), drawLesion],
  cuts: [
    ({ model }) => ({ kind: "lesion", model, off: here(state.off), unplugged: here(state.unplugged) }),
    drawLesion,
  ],
  dim: [({ model }) => ({ kind: "dim", model, ...strengths() }), drawDimmed],
  compare: [
    ({ model, other }) => ({ kind: "compare", model, other: other || model, n: mostAlike() }),
    drawLikeness,
  ],
  probes: [({ model, other }) => ({ kind: "probes", model, other: other || "" }), drawProbes],
  top: [() => ({ kind: "top", ...state.channel }), drawTop],
  initialisation: [() => ({ kind: "initialisation" }), drawInitialisation],
};
let work, initial; // drawings of the last networks before training

export function mountResults() {
  const parts = { bar: find(".waiting progress"), sentence: find(".doing"), stop: find(".stop") };
  const buttons = [...state.element.querySelectorAll("[data-work], .gif")];
  work = new LongWork(state.server, parts, (busy) => {
    for (const button of buttons) {
      button.disabled = busy;
      button.title = busy ? "A measurement is under way; stop it, or wait" : "";
    }
  });
  for (const button of buttons) button.onclick = () => measure(button.dataset.work);
  find(".gif").onclick = exportGif;
  onThemeChange(() => {
    if (find(".result").dataset.kind === "initialisation") putDrawing(find(".losses"), initial[Number(dark())]);
  });
}

async function measure(kind) {
  const [question, draw] = LONG[kind];
  if (!state.asked) {
    find(".doing").textContent = "Choose a network first.";
    return;
  }
  if (kind === "cuts" && !here(state.off).length && !here(state.unplugged).length) {
    find(".doing").textContent = "Nothing is cut in this network. Double-click a block or click an arc first.";
    return;
  }
  if (kind === "top" && !state.channel) {
    find(".doing").textContent = "No channel is chosen. Open “All channels” of a block above and click one.";
    return;
  }
  const answer = await work.run({ data: find(".data").value, n: Number(find(".n").value), ...question(state.asked) });
  if (!answer) return;
  draw(answer);
  find(".result").dataset.kind = kind;
}

async function exportGif() {
  const { model, picture } = state.asked, { value } = find(".target"), target = value === "" ? "" : Number(value);
  const made = await work.run({ kind: "gif", model, picture, target });
  if (made) save(made);
}

function grid(caption, heads, rows) {
  const table = make("table", {}, make("caption", { textContent: caption }));
  const header = table.createTHead().insertRow(), body = table.createTBody();
  header.append(...heads.map((textContent) => make("th", { scope: "col", textContent })));
  for (const row of rows) {
    const cell = (textContent, index) => make(index ? "td" : "th", { textContent, className: index ? "number" : "" });
    body.insertRow().append(...row.map(cell));
  }
  find(".result").replaceChildren(table);
  return table;
}

// --- lesion ------------------------------------------------------------------------------------

const LOSSES = ["without", "top-1, %", "95 % interval", "lost, points", "keep their name, %", ""];

function lossesOf({ name, top1, top1_ci95: ci95, drop, kept, downsamples }) {
  const shape = downsamples ? "changes the shape" : "";
  return [name, points(top1), between(ci95), points(drop), points(kept), shape];
}

function drawLesion({ model, n, data, note, blocks, together, baseline_top1: top1, baseline_ci95: ci95 }) {
  const known = top1 !== null, rows = [...blocks, ...(together ? [together] : [])];
  const value = (row) => (known ? row.top1 : row.kept), whole = known ? top1 : 100;
  const said = known ? `whole ${points(whole)} % (95 % interval ${between(ci95)}).` : note;
  grid(`${model} on ${pictures(n)} of ${data}: ${said}`, LOSSES, rows.map(lossesOf));
  drawLosses(rows, value, whole, known ? "top-1, percent" : "keep their name, percent");
}

function drawLosses(rows, value, whole, label) {
  const names = rows.map((row) => row.name), factors = new Bokeh.FactorRange({ factors: names });
  const figure = plot("What each cut leaves", label, { x_range: factors, y_range: [0, 100] });
  const colours = rows.map((row) => (row.downsamples ? paleColour(false) : lineColour(false)));
  figure.vbar({ x: names, top: rows.map(value), width: 0.7, fill_color: colours, line_color: null });
  const dashed = { color: colourOf("muted"), line_dash: "dashed" };
  figure.line([names[0], names[names.length - 1]], [whole, whole], dashed);
  figure.xaxis.major_label_orientation = 1.2;
  const single = rows.filter((row) => row.name !== "together");
  const least = single.reduce((a, b) => (value(a) < value(b) ? a : b));
  put(find(".losses"), figure,
    "Each bar: the network without what is named; pale where the shape changes; dashed: the whole network. " +
    `Of single cuts ${least.name} costs most: ${points(value(least))} % are left.`);
}

// --- dimmers -----------------------------------------------------------------------------------

// block: where they act; "": in all.
export function strengths() {
  const [a, b] = ["a", "b"].map((name) => Number(find(`.dim-${name}`).value));
  const isOne = find(".dim-where").value === "one" && state.block !== "stem";
  return { a, b, block: isOne ? state.block : "" };
}

function drawDimmed({ model, n, data, note, a, b, block, kept, ...told }) {
  const rows = [
    ["as trained", points(told.baseline_top1), between(told.baseline_ci95), points(100)],
    [`${a} F(x) + ${b} x in ${block || "all blocks"}`, points(told.top1), between(told.top1_ci95), points(kept)],
  ];
  const caption = `${model} on ${pictures(n)} of ${data}${note ? `: ${note}` : ""}`;
  grid(caption, ["strengths", "top-1, %", "95 % interval", "keep their name, %"], rows);
}

// --- likeness and initialisation ---------------------------------------------------------------

function drawLikeness({ model, other, n, data, rows, columns, cka }) {
  const caption = `Linear CKA (Kornblith et al. 2019) of ${model} (rows) and ${other} (columns) on ${pictures(n)} of ` +
    `${data}: 1 is alike up to rotation and scale. With few pictures unlike blocks are far above 0 too; compare with ` +
    "scratch:resnet56.";
  const lines = cka.map((row, index) => [rows[index], ...row.map((one) => one.toFixed(2))]);
  const table = grid(caption, ["", ...columns], lines);
  table.className = "likeness";
  for (const cell of table.querySelectorAll("td")) cell.style.setProperty("--share", cell.textContent);
}

// --- linear probes -------------------------------------------------------------------------------

const KNOWN = ["block", "channels", "top-1, %", "95 % interval"];

function drawProbes({ data, classes, networks }) {
  const name = ({ model }) => model.replace(/^bundled:/, "");
  const lines = networks.flatMap((one) => one.blocks.map(({ name: block, channels, top1, top1_ci95: ci95 }) => {
    return [networks.length > 1 ? `${name(one)}, ${block}` : block, channels, points(top1), between(ci95)];
  }));
  const [{ n_train: train, n }] = networks;
  const caption = "What a linear classifier reads from each block's averaged output (Alain & Bengio 2016): fitted on " +
    `${train} training pictures of ${data}, tested on ${n} others. Guessing gives ${points(100 / classes.length)} %.`;
  grid(caption, KNOWN, lines);
  const axes = { y_range: [0, 100], x_axis_label: "block; 0: the stem" };
  const figure = plot("What each block knows", "top-1, percent", axes);
  const seen = { [true]: 0, [false]: 0 };
  for (const one of networks) {
    const plain = name(one).startsWith("plain"), colour = lineColour(plain, seen[plain]++);
    const x = one.blocks.map((_, index) => index), y = one.blocks.map((row) => row.top1);
    figure.line(x, y, { color: colour, line_width: 2 });
    figure.scatter(x, y, { color: colour, size: 6 });
  }
  put(find(".losses"), figure, networks.map(climb).join(" "));
}

function climb({ model, blocks }) {
  const hue = model.includes("plain") ? "orange" : "blue";
  const best = blocks.reduce((a, b) => (b.top1 > a.top1 ? b : a)), last = blocks[blocks.length - 1];
  const end = best === last ? "" : `, and ${points(last.top1)} % at the end`;
  const start = points(blocks[0].top1);
  return `${model} (${hue}): from ${start} % after the stem to ${points(best.top1)} % after ${best.name}${end}.`;
}

// --- pictures of a channel -----------------------------------------------------------------------

// A ring where the channel's answer is largest.
function drawTop({ model, data, n, block, channel, rows }) {
  const title = `Of ${pictures(n)} of ${data}: those that channel ${channel} of ${block} in ${model} answers most, ` +
    "and where (Zeiler & Fergus 2013). What they share is what it looks for.";
  const answered = rows.filter((row) => row.value > 0); // after the ReLU most channels are silent for most pictures
  const figures = answered.map((row) => {
    const ring = make("span", { className: "ring" });
    ring.style.left = `${100 * row.x}%`;
    ring.style.top = `${100 * row.y}%`;
    const box = make("div", {}, make("img", { src: row.seen, alt: row.class }), ring);
    return make("figure", {}, box, make("figcaption", { textContent: `${row.class}, ${scientific(row.value)}` }));
  });
  const names = new Set(answered.map((row) => row.class));
  const counted = names.size === 1 ? `All are ${answered[0].class}.` : `${names.size} of the classes are among them.`;
  const said = names.size ? counted : "It is silent for all of them: it is zero everywhere. Take more pictures.";
  find(".result").replaceChildren(
    make("p", { textContent: `${title} ${said}` }), make("div", { className: "tops" }, ...figures),
  );
}

const middle = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

function drawInitialisation({ data, n, rows, drawings }) {
  const archs = [...new Set(rows.map((row) => row.arch))];
  const ratios = archs.map((arch) => rows.filter((row) => row.arch === arch).map((row) => row.ratio));
  const caption = `Untrained networks, batch normalisation in train mode, ${pictures(n)} of ${data}: relative ` +
    "gradient norm of the first block's convolution over that of the last convolution, median of " +
    `${ratios[0].length} seeds.`;
  const shown = (ratio) => ratio.toLocaleString("en", { maximumFractionDigits: 1 });
  grid(caption, ["network", "first over last"], archs.map((arch, index) => [arch, shown(middle(ratios[index]))]));
  putDrawing(find(".losses"), drawings[Number(dark())]);
  initial = drawings;
}

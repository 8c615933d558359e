// The Train panel's charts: built when runs or options change, streamed to in between.

import { lineColour, style } from "../static/charts.js";
import { make } from "../static/dom.js";
import { last, number, percent, scientific, smooth, wilson } from "../static/format.js";
import { MOST_POINTS, STEP_LINES, find, rowOf, state } from "./state.js";

const EPOCH_LINES = ["train_loss", "val_loss", "top1", "train_error"];
const POINT = ["x", "y"], BAND = ["x", "low", "high"];

// Index of the chart, name of the line, glyph, its style, its columns.
const GLYPHS = [
  [0, "loss", "line", { line_alpha: 0.25, line_width: 1 }, POINT],
  [0, "smooth", "line", { line_width: 1.2 }, POINT],
  [0, "val_loss", "line", { line_width: 3 }, POINT],
  [0, "val_loss dots", "scatter", { size: 6 }, POINT],
  [1, "band", "varea", { alpha: 0.18 }, BAND],
  [1, "train_top1", "line", { line_width: 1 }, POINT],
  [1, "top1", "line", { line_width: 3 }, POINT],
  [1, "top1 dots", "scatter", { size: 6 }, POINT],
  [2, "lr", "line", { line_width: 2 }, POINT],
  [3, "images_per_s", "line", { line_width: 1 }, POINT],
];

let drawn = null;

export const isDrawn = () => drawn !== null;
const shown = () => [state.main, ...[...state.compared].filter((run) => run !== state.main)]
  .filter((run) => state.series.has(run));
const isPlain = (run) => (rowOf(run).arch || "").startsWith("plain");

export function colour(run) {
  const plain = isPlain(run), same = shown().filter((other) => isPlain(other) === plain);
  return lineColour(plain, Math.max(0, same.indexOf(run)));
}

// --- building ----------------------------------------------------------------------------------

function figureOf(range, title, label, extra = {}) {
  const figure = style(Bokeh.Plotting.figure({
    title, height: 230, sizing_mode: "stretch_width", x_range: range, tools: ["hover", "save"],
    x_axis_label: "step", y_axis_label: label, output_backend: "canvas", ...extra,
  }));
  const zoom = new Bokeh.BoxZoomTool({ dimensions: "width" });
  figure.add_tools(zoom, new Bokeh.WheelZoomTool({ dimensions: "width" }), new Bokeh.ResetTool());
  figure.toolbar.active_drag = zoom;
  figure.xaxis.ticker = new Bokeh.BasicTicker({ desired_num_ticks: 4 });
  figure.on_event("doubletap", unzoom);
  return figure;
}

function figuresOf(range) {
  const log = find(".log").checked ? { y_axis_type: "log" } : {};
  const blocks = state.series.get(state.main)?.strip.blocks || [];
  return [
    figureOf(range, "Loss", "cross-entropy", log),
    figureOf(range, "Accuracy", "percent of pictures"),
    figureOf(range, "Learning rate", "per step"),
    figureOf(range, "Speed", "images per second"),
    figureOf(range, "Gradient norm by block", "block", { y_range: new Bokeh.FactorRange({ factors: blocks }) }),
  ];
}

const empty = (columns) => new Bokeh.ColumnDataSource({ data: Object.fromEntries(columns.map((name) => [name, []])) });

function drawLines(figures) {
  const sources = new Map();
  for (const run of shown()) for (const [index, name, glyph, look, columns] of GLYPHS) {
    const source = empty(columns);
    sources.set(`${run} ${name}`, source);
    figures[index][glyph](...columns.map((field) => ({ field })), { source, color: colour(run), ...look });
  }
  return sources;
}

function drawStrip(figure) {
  const strip = empty(["x", "y", "width", "value"]);
  const mapper = new Bokeh.LogColorMapper({ palette: Bokeh.Palettes.Viridis10 });
  const fill = { field: "value", transform: mapper }, look = { source: strip, line_color: null, fill_color: fill };
  figure.rect({ field: "x" }, { field: "y" }, { field: "width" }, 1, look);
  const text = figure.title.text_color;
  const bar = { color_mapper: mapper, width: 10, background_fill_color: null, major_label_text_color: text };
  figure.add_layout(new Bokeh.ColorBar(bar), "right");
  return { strip, mapper };
}

function slotOf(figure) {
  const box = make("div"), text = make("figcaption");
  box.setAttribute("role", "img");
  box.setAttribute("aria-label", figure.title.text);
  find(".charts").append(make("figure", {}, box, text));
  return { box, text };
}

// All charts from the kept points.
export function build() {
  if (!window.Bokeh || !state.main) return;
  const view = drawn?.range && zoomed() ? [drawn.range.start, drawn.range.end] : null;
  drawn?.views?.clear();
  const range = view
    ? new Bokeh.Range1d({ start: view[0], end: view[1] })
    : new Bokeh.DataRange1d({ range_padding: 0 });
  const figures = figuresOf(range), glyphs = drawLines(figures);
  find(".charts").replaceChildren();
  const mine = { figures, glyphs, range, view, ...drawStrip(figures[4]), slots: figures.map(slotOf), views: null };
  drawn = mine;
  fill();
  show(mine);
}

// One document for all, or they could not share a range; figure after figure, so that the page answers between.
async function show(mine) {
  const all = new Bokeh.Document(), boxes = mine.slots.map(({ box }) => box);
  mine.views = await Bokeh.embed.add_document_standalone(all, boxes[0], boxes);
  for (const figure of mine.figures) {
    await new Promise((go) => setTimeout(go));
    if (drawn !== mine) return mine.views.clear();
    all.add_root(figure);
  }
}

export const rebuild = () => drawn && build();
export const zoomed = () => drawn !== null && (drawn.view !== null || drawn.range?.have_updated_interactively === true);

export function unzoom() {
  if (!drawn) return;
  drawn.view = drawn.range = null;
  build();
}

// --- filling -----------------------------------------------------------------------------------

const points = (line, f = (y) => y) => ({ x: [...(line?.[0] || [])], y: (line?.[1] || []).map(f) });

function put(run, name, columns) {
  const source = drawn.glyphs.get(`${run} ${name}`);
  if (source) source.data = columns;
}

// Everything that is known, into the sources.
export function fill() {
  if (!drawn) return;
  for (const run of shown()) {
    const { lines } = state.series.get(run), [steps, losses] = lines.loss || [[], []];
    for (const name of STEP_LINES) put(run, name, points(lines[name]));
    put(run, "smooth", { x: [...steps], y: smooth(losses, weight()) });
    fillEpochs(run);
  }
  fillStrip();
}

// Lines with a point an epoch: few points, set whole.
function fillEpochs(run) {
  const { lines } = state.series.get(run), n = rowOf(run).num_val || state.head.n || 1;
  for (const name of ["val_loss", "top1"]) for (const key of [name, `${name} dots`]) put(run, key, points(lines[name]));
  put(run, "train_top1", points(lines.train_error, (error) => 100 - error));
  const bounds = (lines.top1?.[1] || []).map((top1) => wilson(top1 / 100, n));
  const low = bounds.map((one) => one[0]), high = bounds.map((one) => one[1]);
  put(run, "band", { x: [...(lines.top1?.[0] || [])], low, high });
}

function fillStrip() {
  const { blocks, steps, values } = state.series.get(state.main)?.strip || { blocks: [], steps: [], values: [] };
  const gap = steps.length > 1 ? steps[1] - steps[0] : 1;
  const data = { x: [], y: [], width: [], value: [] };
  steps.forEach((step, i) => blocks.forEach((block, j) => {
    data.x.push(step);
    data.y.push(block);
    data.width.push(gap);
    data.value.push(values[i][j]);
  }));
  const positive = data.value.filter((value) => value > 0);
  if (positive.length) {
    drawn.mapper.low = positive.reduce((a, b) => Math.min(a, b));
    drawn.mapper.high = positive.reduce((a, b) => Math.max(a, b));
  }
  drawn.figures[4].y_range.factors = blocks;
  drawn.strip.data = data;
}

const weight = () => Number(find(".smoothing").value);

// Only what came with this tick: {run: {lines, strip}}.
export function refresh(news) {
  if (!drawn) return;
  for (const [run, fresh] of Object.entries(news)) {
    if (fresh.error || !state.series.has(run)) continue;
    const stream = (name, [x, y]) => drawn.glyphs.get(`${run} ${name}`)?.stream({ x, y }, MOST_POINTS);
    for (const name of STEP_LINES) if (fresh.lines[name]) stream(name, fresh.lines[name]);
    if (fresh.lines.loss) {
      const before = last(drawn.glyphs.get(`${run} smooth`)?.data.y || []), [steps, losses] = fresh.lines.loss;
      stream("smooth", [steps, smooth(losses, weight(), before)]);
    }
    if (EPOCH_LINES.some((name) => fresh.lines[name])) fillEpochs(run);
    if (run === state.main && fresh.strip.steps.length) fillStrip();
  }
}

// --- words -------------------------------------------------------------------------------------

function captions() {
  const { lines = {}, strip } = state.series.get(state.main) || {};
  const tail = (name) => (lines[name]?.[1].length ? last(lines[name][1]) : null);
  const values = last(strip?.values || []) || [], wrong = tail("train_error");
  const seen = state.head.cutmix ? "augmented pictures, some mixed with others" : "augmented pictures";
  return [
    `Training batches thin, validation bold; lower is better. Now ${number(tail("loss"))}, ` +
      `validation ${number(tail("val_loss"))}.`,
    `Validation bold with its 95 % interval, training (${seen}) thin. Now ${percent(tail("top1"))}, ` +
      `training ${percent(wrong === null ? null : 100 - wrong)}.`,
    `Rises, then falls to zero at the end. Now ${scientific(tail("lr"))}.`,
    `How fast this machine trains; smaller pictures are faster. Now ${number(tail("images_per_s"))}.`,
    "Norm of each block's gradient over that of its weights; even columns are healthy. Now " +
      `${values.length > 1 ? `stem ${number(values[0], 2)}, ` : ""}classifier ${number(last(values), 2)}.`,
  ];
}

export function describe() {
  if (!drawn) return;
  captions().forEach((words, index) => {
    const { box, text } = drawn.slots[index];
    if (text.textContent === words) return;
    text.textContent = words;
    box.setAttribute("aria-label", `${drawn.figures[index].title.text}. ${words}`);
  });
}

// For tests and `bench viewers`.
export const ranges = () => drawn.figures.map((figure) => [figure.x_range.start, figure.x_range.end]);
export function drawnPoints(run, name) {
  const data = drawn?.glyphs.get(`${run} ${name}`)?.data;
  return data ? [[...data.x], [...data.y]] : [[], []];
}

// The final report of the run that is shown: loaded when it is opened, drawn once.

import { colourOf, lineColour, plot, put } from "../static/charts.js";
import { LATE, make, token } from "../static/dom.js";
import { accuracy, count, number, percent } from "../static/format.js";
import { find, state } from "./state.js";

const HARDEST = 20; // classes that are named
let reported = null; // run whose report is in the page
let turn = 0; // of the pictures behind a number: what was asked for before comes too late

export function mountReport() {
  find(".final").ontoggle = drawReport;
  find(".worst").onclick = showWorst;
}

export function drawReport() {
  const place = find(".final");
  place.hidden = state.head.state !== "finished";
  if (place.hidden || reported !== state.head.run) {
    reported = null;
    place.dataset.ready = "";
  }
  if (place.hidden) place.open = false;
  else if (place.open && reported === null) openReport();
}

async function openReport() {
  const run = (reported = state.main), told = await state.server.report({ run, token: token() }).catch(() => LATE);
  if (run !== state.main) return;
  if (told === LATE || told.retry) reported = null; // asked again at the next look
  behind([], "");
  const words = [told.error || sentence(told), told.learning_curve?.hint];
  find(".final-numbers").textContent = words.filter(Boolean).join(" ");
  drawConfusion(told);
  await drawReliability(told.reliability || []);
  find(".final").dataset.ready = run;
}

function sentence(told) {
  const scaled = told.temperature
    ? `, ${number(told.ece_scaled, 2)} when logits are divided by ${told.temperature.toFixed(2)}.` : ".";
  return `Last epoch: top-1 ${accuracy(told.top1, told.top1_ci95, told.n)}, top-5 ${percent(told.top5)}, ` +
    `validation loss ${number(told.val_loss)}. Its probabilities are ${number(told.ece, 2)} points off on average ` +
    `(calibration error; Guo et al. 2017, section 2)${scaled}`;
}

// --- confusion matrix --------------------------------------------------------------------------

function drawConfusion({ confusion, classes, per_class: perClass }) {
  const table = find(".confusion");
  table.replaceChildren();
  table.classList.toggle("hardest", !confusion);
  if (!confusion) return drawHardest(table, perClass || {});
  table.createCaption().textContent =
    "Rows: what it is. Columns: what it was called. Click a number to see the pictures.";
  const header = table.createTHead().insertRow();
  header.insertCell();
  header.append(...[...classes, "right"].map((name) => make("th", { textContent: name, scope: "col" })));
  const body = table.createTBody();
  confusion.forEach((row, label) => {
    const line = body.insertRow();
    line.append(make("th", { textContent: classes[label], scope: "row" }));
    line.append(...row.map((_, called) => confusedCell(row, label, called, classes)));
    line.append(make("td", { textContent: percent(perClass[classes[label]]?.top1) }));
  });
}

// In place of a matrix where there are too many classes for one.
function drawHardest(table, perClass) {
  const seen = Object.entries(perClass).filter(([, { n }]) => n);
  const hardest = seen.sort(([, a], [, b]) => a.top1 - b.top1).slice(0, HARDEST);
  const line = (kind, cells) => make("tr", {}, ...cells.map((textContent) => make(kind, { textContent })));
  const lines = hardest.map(([name, { top1, n }]) => line("td", [name, percent(top1), n]));
  if (lines.length) table.append(make("tbody", {}, line("th", ["class", "right", "pictures"]), ...lines));
  table.createCaption().textContent = lines.length
    ? `${count(seen.length)} classes are too many for a matrix. Hardest for it:` : "No matrix in this report.";
}

function confusedCell(row, label, called, classes) {
  const cell = make("td"), many = row[called], n = row.reduce((a, b) => a + b, 0);
  if (!many) return cell;
  const title = `${classes[label]} called ${classes[called]}: ${many} of ${n}`;
  const button = make("button", { type: "button", textContent: many, title });
  button.onclick = () => showConfused(label, called, title, classes);
  cell.style.setProperty("--share", label === called ? many / n : Math.min(1, (4 * many) / n));
  cell.className = label === called ? "right" : "wrong";
  cell.append(button);
  return cell;
}

// --- reliability diagram -----------------------------------------------------------------------

async function drawReliability(bins) {
  const figure = plot("Is it as sure as it is right?", "right, percent", {
    height: 300, x_range: [0, 100], y_range: [0, 100], x_axis_label: "its probability, percent", tools: ["save"],
  });
  const column = (name) => bins.map((bin) => bin[name]);
  figure.line([0, 100], [0, 100], { color: colourOf("muted"), line_dash: "dashed" });
  const bars = { x: column("confidence"), top: column("top1"), width: 5, color: lineColour(false), alpha: 0.7 };
  figure.vbar(bars);
  const over = bins.filter((bin) => bin.top1 > bin.confidence).length;
  await put(find(".reliability"), figure, bins.length
    ? "Each bar: pictures with about this probability, and the share of them that is right. On the dashed line it " +
      `would be exactly as sure as it is right; above it, too modest: ${over} of ${bins.length} bars.`
    : "No calibration in the report of this older run.");
}

// --- the pictures behind a number --------------------------------------------------------------

async function showConfused(label, called, title, classes) {
  const mine = behind([], `${title} …`);
  const question = { run: state.main, label, called, token: token() };
  const told = await state.server.confused(question).catch(() => LATE);
  if (mine !== turn) return;
  const few = told.count > told.pictures?.length ? `; the ${told.pictures.length} surest are shown.` : ".";
  behind(told.pictures || [], told.error || title + few, classes);
}

async function showWorst() {
  const mine = behind([], "The worst mistakes …");
  const question = { run: state.main, token: token() };
  const [told, { classes }] = await Promise.all([state.server.worst(question), state.server.report(question)])
    .catch(() => [LATE, {}]);
  if (mine !== turn) return;
  const most = told.count === 1 ? "Its only mistake:" : `The ${told.count} surest mistakes:`;
  behind(told.pictures || [], told.error || (told.count ? most : "It made no mistake."), classes);
}

function behind(pictures, title, classes) {
  find(".behind-title").textContent = title;
  if (title) find(".behind-title").scrollIntoView({ block: "nearest" });
  find(".behind").replaceChildren(...pictures.map((one) => {
    const image = one.src
      ? make("img", { src: one.src, alt: one.name })
      : make("p", { textContent: "This picture is gone." });
    const text = `${classes[one.labels]}, called ${classes[one.called]} ${percent(100 * one.probability)}`;
    return make("figure", {}, image, make("figcaption", { textContent: text, title: one.name }));
  }));
  return ++turn;
}

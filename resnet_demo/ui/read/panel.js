// The Read tab: a figure is asked for when it comes into sight, and again for another choice.

import { bokeh, lineColour, plot } from "../static/charts.js";
import { LATE, addressOf, inAddress, make, onThemeChange } from "../static/dom.js";
import { number } from "../static/format.js";

const BUSY_MS = 800;
let element, server;

const sections = () => [...element.querySelectorAll("section")];

async function show(section) {
  const select = section.querySelector("select"), choice = select.value;
  section.dataset.asked = choice;
  const told = await server.figure({ step: section.dataset.step, choice }).catch(() => LATE);
  if (select.value !== choice) return; // another choice was made meanwhile
  if (told.busy) {
    section.querySelector("figcaption").textContent = told.busy;
    setTimeout(() => select.value === choice && show(section), BUSY_MS);
    return;
  }
  section.querySelector("figcaption").textContent = told.error || told.sentence;
  await draw(section.querySelector(".drawing"), told);
  section.dataset.shown = choice;
}

async function draw(place, told) {
  place.replaceChildren();
  if (told.bars) place.append(barsOf(told.bars));
  if (told.table) place.append(tableOf(told.table));
  for (const { src, caption } of told.images || []) place.append(imageOf(src, caption));
  if (told.lines) await drawLines(place, told);
}

function barsOf(bars) {
  const most = bars.map((bar) => bar.value).reduce((a, b) => Math.max(a, b));
  return make("table", { className: "bars" }, ...bars.map(({ name, value, unit, plain }) => {
    const bar = make("span", { className: plain ? "plain" : "" });
    bar.style.width = `${(100 * value) / most}%`;
    const said = make("td", { textContent: `${number(value)} ${unit}`, className: "number" });
    return make("tr", {}, make("th", { textContent: name, scope: "row" }), make("td", { className: "bar" }, bar), said);
  }));
}

function tableOf({ head, rows }) {
  const line = (kind, cells) => make("tr", {}, ...cells.map((textContent) => make(kind, { textContent })));
  const table = make("table", {}, line("th", head), ...rows.map((row) => line("td", row)));
  return make("div", { className: "scroll", tabIndex: 0 }, table);
}

function imageOf(src, caption) {
  const image = make("img", { src, alt: caption });
  return make("figure", {}, image, make("figcaption", { textContent: caption }));
}

async function drawLines(place, { lines, x, y }) {
  await bokeh();
  const figure = plot("", y, { y_axis_type: "log", x_axis_label: x });
  for (const { name, plain, y: values } of lines) {
    const look = { color: lineColour(plain), line_width: 2, legend_label: name };
    figure.line(values.map((_, index) => index + 1), values, look);
  }
  figure.legend.background_fill_color = null;
  figure.legend.label_text_color = figure.title.text_color;
  figure.legend.border_line_color = null;
  await window.Bokeh.Plotting.show(figure, place);
}

function goTo(step) {
  const section = element.querySelector(`[data-step="${CSS.escape(step)}"]`);
  section?.scrollIntoView({ block: "start" });
}

function keep(section) {
  const names = { tab: "read", step: section.dataset.step, choice: section.querySelector("select").value };
  history.replaceState(history.state, "", addressOf(names));
}

// In the rail: the first of those in sight.
function mark(visible) {
  const { step } = sections().find((section) => visible.has(section)).dataset;
  for (const dot of element.querySelectorAll(".rail a")) {
    if (dot.dataset.to === step) dot.setAttribute("aria-current", "step");
    else dot.removeAttribute("aria-current");
  }
}

function listen() {
  const visible = new Set();
  const seen = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (isIntersecting) visible.add(target);
      else visible.delete(target);
      if (isIntersecting && target.dataset.asked === undefined) show(target);
    }
    if (visible.size) mark(visible);
  }, { rootMargin: "-25% 0px -30% 0px" });
  for (const section of sections()) {
    section.querySelector("select").onchange = () => {
      keep(section);
      show(section);
    };
    seen.observe(section);
  }
  for (const dot of element.querySelectorAll(".rail a")) dot.onclick = (event) => {
    event.preventDefault();
    goTo(dot.dataset.to);
    keep(element.querySelector(`[data-step="${dot.dataset.to}"]`));
  };
}

export function mount(...given) {
  [element, server] = given;
  const step = inAddress("step"), choice = inAddress("choice");
  const section = step && element.querySelector(`[data-step="${CSS.escape(step)}"]`);
  if (section && choice) {
    const select = section.querySelector("select");
    if ([...select.options].some((option) => option.value === choice)) select.value = choice;
  }
  listen();
  onThemeChange(() => sections().filter((one) => one.querySelector(".bk-Figure")).forEach(show));
  if (section) setTimeout(() => goTo(step), 300); // once the tab has its height
}

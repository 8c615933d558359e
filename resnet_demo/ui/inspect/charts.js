// The Inspect panel's charts and its long work.

function plot(title, label, extra = {}) {
  const figure = Bokeh.Plotting.figure({ title, height: 260, sizing_mode: "stretch_width", y_axis_label: label, tools: ["hover", "save"], output_backend: "canvas", ...extra });
  figure.toolbar.logo = null;
  const style = getComputedStyle(element), text = style.getPropertyValue("--body-text-color").trim() || "#333", line = style.getPropertyValue("--border-color-primary").trim() || "#ccc";
  figure.background_fill_color = figure.border_fill_color = null;
  figure.outline_line_color = line;
  for (const axis of [figure.xaxis, figure.yaxis]) for (const part of ["axis_label_text_color", "major_label_text_color", "axis_line_color", "major_tick_line_color"]) axis[part] = text;
  for (const grid of [figure.xgrid, figure.ygrid]) grid.grid_line_color = line;
  figure.title.text_color = text;
  return figure;
}

async function put(place, figure, caption) {
  const box = place.querySelector("div");
  box.replaceChildren();
  place.querySelector("figcaption").textContent = caption;
  box.setAttribute("aria-label", `${figure.title.text}. ${caption}`);
  await Bokeh.Plotting.show(figure, box);
}

// The chosen measure over the blocks of both networks.
function drawBars() {
  const sides = shown.filter((one) => !one.error), [name, value, log] = measure();
  if (!window.Bokeh?.Plotting || !sides.length) return;
  const figure = plot(`${name}, block by block`, name, { y_axis_type: log ? "log" : "linear", x_axis_label: "block, from the stem" });
  const words = [];
  for (const side of sides) {
    const points = side.record.blocks.map((row, index) => [index, value(row)]).filter(([, y]) => y !== null && y !== undefined && (!log || y > 0));
    const x = points.map((one) => one[0]), y = points.map((one) => one[1]), color = colour(side);
    if (!x.length) { words.push(`${side.record.model} has none`); continue; }
    figure.line(x, y, { color, line_width: 2 });
    figure.scatter(x, y, { color, size: 6 });
    words.push(`${side.record.model} (${["blue", "orange"][kind(side)]}${SECOND.includes(color) ? ", pale" : ""}): first block ${number(y[0])}, last ${number(y[y.length - 1])}`);
  }
  put(find(".profile"), figure, `${words.join("; ")}.`);
}

// --- long work ---------------------------------------------------------------------------------

// Cuts that the first network has; another model may have been chosen since.
const here = (cuts) => [...cuts].filter((name) => shown[0]?.record?.blocks.some((row) => row.name === name));
const LONG = {
  lesion: () => ({ kind: "lesion", model: asked.model }),
  cuts: () => ({ kind: "lesion", model: asked.model, off: here(off), unplugged: here(unplugged) }),
  compare: () => ({ kind: "compare", model: asked.model, other: asked.other || asked.model, n: Math.max(2, Math.min(64, Number(find(".n").value))) }),
  initialisation: () => ({ kind: "initialisation", dark: document.body.classList.contains("dark") }),
};
const RESULTS = { lesion: drawLesion, cuts: drawLesion, compare: drawLikeness, initialisation: drawInitialisation };

// Buttons of long work are off while one is under way.
function busy(on) {
  find(".stop").hidden = !on;
  for (const button of element.querySelectorAll("[data-work], .gif")) { button.disabled = on; button.title = on ? "A measurement is under way; stop it, or wait" : ""; }
}

async function work(question) {
  if (job) return null;
  job = "starting";
  busy(true);
  const started = await server.work(question).catch(() => LATE);
  if (started.error) { find(".doing").textContent = started.error; job = null; busy(false); return null; }
  job = started.job;
  for (let tries = 0; tries < 7200; tries += 1) {
    const told = await server.progress({ job }).catch(() => ({ what: "no answer, trying again" }));
    find(".waiting progress").value = told.total ? told.done / told.total : told.answer ? 1 : 0;
    find(".doing").textContent = told.error || (told.answer ? "Done." : `${told.what} ${told.total ? `${told.done} of ${told.total}` : ""}`);
    if (told.error || told.answer) { job = null; busy(false); return told.answer || null; }
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  job = null;
  busy(false);
  return null;
}

for (const button of element.querySelectorAll("[data-work]")) button.onclick = async () => {
  const kind = button.dataset.work;
  if (!asked) { find(".doing").textContent = "Choose a network first."; return; }
  if (kind === "cuts" && !here(off).length && !here(unplugged).length) { find(".doing").textContent = "Nothing is cut in this network. Double-click a block or click an arc first."; return; }
  const answer = await work({ data: find(".data").value, n: Number(find(".n").value), ...LONG[kind]() });
  if (answer) { RESULTS[kind](answer); find(".result").dataset.kind = kind; }
};
find(".stop").onclick = () => job && server.stop({ job });
find(".gif").onclick = async () => { const made = await work({ kind: "gif", model: asked.model, picture: asked.picture, target: find(".target").value }); if (made) save(made); };

function grid(caption, heads, rows) {
  const table = make("table", {}, make("caption", { textContent: caption })), header = table.createTHead().insertRow(), body = table.createTBody();
  for (const head of heads) header.append(make("th", { scope: "col", textContent: head }));
  for (const row of rows) { const line = body.insertRow(); row.forEach((cell, index) => line.append(make(index ? "td" : "th", { textContent: cell, className: index ? "number" : "" }))); }
  find(".result").replaceChildren(table);
  return table;
}

const points = (value) => (value === null || value === undefined ? "–" : value.toFixed(2));
const between = (bounds) => (bounds ? `${bounds[0].toFixed(2)} to ${bounds[1].toFixed(2)}` : "–");

function drawLesion(answer) {
  const known = answer.baseline_top1 !== null, rows = [...answer.blocks, ...(answer.together ? [answer.together] : [])];
  const whole = known ? answer.baseline_top1 : 100, value = (row) => (known ? row.top1 : row.kept);
  const on = `${answer.model} on ${answer.n} pictures of ${answer.data}`;
  const caption = known ? `${on}: whole ${points(whole)} % (95 % interval ${between(answer.baseline_ci95)}).` : `${on}: ${answer.note}`;
  grid(caption, ["without", "top-1, %", "95 % interval", "lost, points", "keep their name, %", ""], rows.map((row) => [row.name, points(row.top1), between(row.top1_ci95), points(row.drop), points(row.kept), row.downsamples ? "changes the shape" : ""]));
  const names = rows.map((row) => row.name), figure = plot("What each cut leaves", known ? "top-1, percent" : "keep their name, percent", { x_range: new Bokeh.FactorRange({ factors: names }), y_range: [0, 100] });
  figure.vbar({ x: names, top: rows.map(value), width: 0.7, fill_color: rows.map((row) => (row.downsamples ? "#63a4e8" : COLOURS[0])), line_color: null });
  figure.line([names[0], names[names.length - 1]], [whole, whole], { color: figure.title.text_color, line_dash: "dashed" });
  figure.xaxis.major_label_orientation = 1.2;
  const least = answer.blocks.reduce((a, b) => (value(a) < value(b) ? a : b));
  put(find(".losses"), figure, `Each bar: the network without what is named; pale where the shape changes; dashed: the whole network. Of single cuts ${least.name} costs most: ${points(value(least))} % are left.`);
}

function drawLikeness(answer) {
  const table = grid(`Linear CKA (Kornblith et al. 2019) of ${answer.model} (rows) and ${answer.other} (columns) on ${answer.n} pictures of ${answer.data}: 1 is alike up to rotation and scale. With few pictures unlike blocks are far above 0 too; compare with scratch:resnet56.`, ["", ...answer.columns], answer.cka.map((row, index) => [answer.rows[index], ...row.map((one) => one.toFixed(2))]));
  table.className = "likeness";
  for (const cell of table.querySelectorAll("td")) cell.style.setProperty("--share", cell.textContent);
}

function drawInitialisation({ data, n, rows, drawing }) {
  const middle = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)], archs = [...new Set(rows.map((row) => row.arch))];
  const found = archs.map((arch) => { const mine = rows.filter((row) => row.arch === arch); return { ...mine[0], ratio: middle(mine.map((row) => row.ratio)), n: mine.length }; });
  grid(`Untrained networks, batch normalisation in train mode, ${n} pictures of ${data}: relative gradient norm of the first block's convolution over that of the last convolution, median of ${found[0].n} seeds.`, ["network", "first over last"], found.map((row) => [row.arch, row.ratio.toLocaleString("en", { maximumFractionDigits: 1 })]));
  const box = find(".losses").querySelector("div");
  box.replaceChildren();
  find(".losses figcaption").textContent = drawing.caption;
  box.setAttribute("aria-label", `${drawing.title}. ${drawing.caption}`);
  Bokeh.embed.embed_item(drawing.item, box);
}

// --- beginning ---------------------------------------------------------------------------------

for (const [key, [name]] of Object.entries(MEASURES)) find(".measure").append(make("option", { value: key, textContent: name }));
find(".measure").onchange = () => shown.length && draw();
find(".target").onchange = find(".shared").onchange = look;
find(".every").ontoggle = drawAll;
find(".epoch").onchange = () => {
  const epochs = JSON.parse(find(".epoch").dataset.epochs), run = asked.model.split("@")[0];
  asked = { ...asked, model: `${run}@${epochs[Number(find(".epoch").value)]}` };
  find(".inspect").dataset.model = asked.model;
  look();
};
window.addEventListener("resnet-inspect", (event) => {
  // A hidden tab costs nothing: opening it asks again.
  if (element.clientWidth === 0 || event.detail === find(".inspect").dataset.asked) return;
  find(".inspect").dataset.asked = event.detail;
  asked = JSON.parse(event.detail);
  look();
});
element.querySelector(".inspect").record = () => shown.map((side) => side.record);  // for tests

(async () => {
  await bokeh();
  new MutationObserver(() => shown.length && draw()).observe(document.body, { attributeFilter: ["class"] });
  drawBars();
})();

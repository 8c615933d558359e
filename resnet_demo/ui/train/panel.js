// The live panel of the Train tab. It polls once a second, asks for new points only, and never stacks requests.

const STEP_LINES = ["loss", "lr", "images_per_s"];
const EPOCH_LINES = ["train_loss", "val_loss", "top1", "train_error"];
const RESIDUAL = ["#2b6cb0", "#0f8a72", "#7c4dbd"], PLAIN = ["#c05621", "#b8900b", "#b83280"];  // blues and oranges first, then told apart
const MOST_POINTS = 8000;  // a line in the browser; over it the server thins all of it again
const series = new Map();  // run -> {generation, step, epoch, lines, strip}
const compared = new Set();
let main = new URLSearchParams(location.search).get("run"), followed = !main;
const viewer = Math.random().toString(36).slice(2);
let allowed = true, pace = 1, rows = [], digest = "", head = {}, busy = false, failures = 0, drawn = null, last = 0;

// --- asking ------------------------------------------------------------------------------------

async function poll() {
  if (busy || document.hidden || element.clientWidth === 0) return;
  busy = true;
  const asked = followed ? null : main;
  try {
    const runs = {};
    for (const run of new Set([...compared, ...(main ? [main] : [])])) {
      const known = series.get(run);
      runs[run] = known ? { generation: known.generation, step: known.step, epoch: known.epoch } : {};
    }
    const answer = await server.poll({ main: asked, digest, runs, viewer, token: token() });
    failures = 0;
    if ((followed ? null : main) === asked) take(answer);  // else another run was chosen meanwhile
    else setTimeout(poll);
  } catch (error) {
    console.error(error);
    failures += 1;
    find(".state").textContent = `no answer from the server, trying again (${failures})`;
  } finally {
    busy = false;
    last = Date.now();
  }
}

function take(answer) {
  if (answer.missing) {
    find(".answer").textContent = answer.main ? `There is no run ${answer.missing} here (any more). This is run ${answer.main}.` : `There is no run ${answer.missing} here (any more).`;
    followed = true;
  }
  const other = answer.main !== main;
  main = answer.main;
  if (answer.runs) { rows = answer.runs; digest = answer.digest; }
  head = answer.head || {};
  allowed = answer.may_steer;
  pace = answer.pace;
  let fresh = other || (!drawn && main && Boolean(window.Bokeh));
  for (const [run, news] of Object.entries(answer.series)) fresh = receive(run, news) || fresh;
  drawHead();  // first: charts take the width that they are shown at
  if (fresh) build(); else refresh(answer.series);
  if (answer.runs || other || fresh) drawRuns();
  captions();
}

// Append what is new; true when the run began anew and everything has to be drawn again.
function receive(run, news) {
  if (news.error) return false;
  let known = series.get(run);
  const anew = news.reset || !known;
  if (anew) {
    known = { generation: news.generation, step: -1, epoch: -1, lines: {}, strip: { blocks: [], steps: [], values: [] } };
    series.set(run, known);
  }
  for (const [name, [steps, values]] of Object.entries(news.lines)) {
    const line = (known.lines[name] ||= [[], []]);
    line[0].push(...steps);
    line[1].push(...values);
    const cursor = STEP_LINES.includes(name) ? "step" : "epoch";
    known[cursor] = Math.max(known[cursor], steps[steps.length - 1]);
  }
  if (news.strip.steps.length) {
    known.strip.blocks = news.strip.blocks;
    known.strip.steps.push(...news.strip.steps);
    known.strip.values.push(...news.strip.values);
  }
  if ((known.lines.loss?.[0].length || 0) > MOST_POINTS) series.delete(run);
  return anew;
}

// --- charts ------------------------------------------------------------------------------------

const shown = () => [main, ...[...compared].filter((run) => run !== main)].filter((run) => series.has(run));
const rowOf = (run) => rows.find((row) => row.run === run) || {};

function colour(run) {
  const plain = (rowOf(run).arch || "").startsWith("plain");
  const same = shown().filter((other) => (rowOf(other).arch || "").startsWith("plain") === plain);
  return (plain ? PLAIN : RESIDUAL)[Math.max(0, same.indexOf(run)) % 3];
}

function theme(figure) {
  const style = getComputedStyle(element);
  const text = style.getPropertyValue("--body-text-color").trim() || "#333";
  const line = style.getPropertyValue("--border-color-primary").trim() || "#ccc";
  figure.background_fill_color = figure.border_fill_color = null;
  figure.outline_line_color = line;
  for (const axis of [figure.xaxis, figure.yaxis])  // proxies for all axes of a side
    for (const part of ["axis_label_text_color", "major_label_text_color", "axis_line_color", "major_tick_line_color"]) axis[part] = text;
  for (const grid of [figure.xgrid, figure.ygrid]) grid.grid_line_color = line;
  figure.title.text_color = text;
}

// All charts from the kept points. Ticks only stream; this runs when runs or options change.
function build() {
  if (!window.Bokeh || !main) return;
  const view = drawn?.range && drawn.zoomed() ? [drawn.range.start, drawn.range.end] : null;
  drawn?.remove();
  const plotting = Bokeh.Plotting, sources = {}, glyphs = new Map();
  const range = view ? new Bokeh.Range1d({ start: view[0], end: view[1] }) : new Bokeh.DataRange1d({ range_padding: 0 });
  const make = (title, label, extra = {}) => {
    const figure = plotting.figure({ title, height: 230, sizing_mode: "stretch_width", x_range: range, tools: ["hover", "save"], x_axis_label: "step", y_axis_label: label, output_backend: "canvas", ...extra });
    const zoom = new Bokeh.BoxZoomTool({ dimensions: "width" });
    figure.add_tools(zoom, new Bokeh.WheelZoomTool({ dimensions: "width" }), new Bokeh.ResetTool());
    figure.toolbar.active_drag = zoom;
    figure.toolbar.logo = null;
    figure.xaxis.ticker = new Bokeh.BasicTicker({ desired_num_ticks: 4 });
    figure.on_event("doubletap", unzoom);
    theme(figure);
    return figure;
  };
  const figures = [
    make("Loss", "cross-entropy", find(".log").checked ? { y_axis_type: "log" } : {}),
    make("Accuracy", "percent of pictures"),
    make("Learning rate", "per step"),
    make("Speed", "images per second"),
    make("Gradient norm by block", "block", { y_range: new Bokeh.FactorRange({ factors: series.get(main)?.strip.blocks || [] }) }),
  ];
  const draw = (figure, run, key, glyph, style, columns = ["x", "y"]) => {
    const source = new Bokeh.ColumnDataSource({ data: Object.fromEntries(columns.map((name) => [name, []])) });
    glyphs.set(`${run} ${key}`, source);
    const fields = columns.map((field) => ({ field }));
    if (glyph === "varea") figure.varea(...fields, { source, ...style });
    else figure[glyph](...fields, { source, ...style });
  };
  for (const run of shown()) {
    const color = colour(run);
    draw(figures[0], run, "loss", "line", { color, line_alpha: 0.25, line_width: 1 });
    draw(figures[0], run, "smooth", "line", { color, line_width: 1.2 });
    draw(figures[0], run, "val_loss", "line", { color, line_width: 3 });
    draw(figures[0], run, "val_loss dots", "scatter", { color, size: 6 });
    draw(figures[1], run, "band", "varea", { color, alpha: 0.18 }, ["x", "low", "high"]);
    draw(figures[1], run, "train_top1", "line", { color, line_width: 1 });
    draw(figures[1], run, "top1", "line", { color, line_width: 3 });
    draw(figures[1], run, "top1 dots", "scatter", { color, size: 6 });
    draw(figures[2], run, "lr", "line", { color, line_width: 2 });
    draw(figures[3], run, "images_per_s", "line", { color, line_width: 1 });
  }
  const strip = new Bokeh.ColumnDataSource({ data: { x: [], y: [], width: [], value: [] } });
  const mapper = new Bokeh.LogColorMapper({ palette: ["#440154", "#482878", "#3e4989", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725"] });
  figures[4].rect({ field: "x" }, { field: "y" }, { field: "width" }, 1, { source: strip, line_color: null, fill_color: { field: "value", transform: mapper } });
  figures[4].add_layout(new Bokeh.ColorBar({ color_mapper: mapper, width: 10, background_fill_color: null, major_label_text_color: figures[4].title.text_color }), "right");
  const place = find(".charts");
  place.replaceChildren();
  const slots = figures.map((figure) => {
    const slot = document.createElement("figure"), box = document.createElement("div"), text = document.createElement("figcaption");
    box.setAttribute("role", "img");
    box.setAttribute("aria-label", figure.title.text);
    slot.append(box, text);
    place.append(slot);
    return { box, text };
  });
  const initial = { start: range.start, end: range.end };
  drawn = { figures, glyphs, strip, mapper, range, slots, views: null, initial, view,
    zoomed: () => view !== null || range.have_updated_interactively === true,
    remove: () => { for (const one of drawn.views || []) one.remove?.(); } };
  const mine = drawn;
  fill();
  // One document for all, or they could not share a range; then each view moves to its place.
  const holder = document.createElement("div");
  place.append(holder);
  Promise.resolve(plotting.show(figures, holder)).then((views) => {
    mine.views = [].concat(views);
    [...holder.querySelectorAll(":scope > .bk-Figure")].forEach((view, index) => slots[index]?.box.append(view));
  });
}

function unzoom() { drawn.view = null; drawn.range = null; build(); }

// Everything that is known, into the sources.
function fill() {
  for (const run of shown()) {
    const { lines } = series.get(run);
    const put = (key, columns) => { const source = drawn.glyphs.get(`${run} ${key}`); if (source) source.data = columns; };
    const xy = (line) => (line ? { x: [...line[0]], y: [...line[1]] } : { x: [], y: [] });
    put("loss", xy(lines.loss));
    put("smooth", { x: [...(lines.loss?.[0] || [])], y: smooth(lines.loss?.[1] || []) });
    epochs(run);
    put("lr", xy(lines.lr));
    put("images_per_s", xy(lines.images_per_s));
  }
  fillStrip();
}

// Lines with a point an epoch: few points, set whole.
function epochs(run) {
  const { lines } = series.get(run), n = rowOf(run).num_val || head.n || 1;
  const put = (key, columns) => { const source = drawn.glyphs.get(`${run} ${key}`); if (source) source.data = columns; };
  const xy = (line, f = (y) => y) => ({ x: [...(line?.[0] || [])], y: (line?.[1] || []).map(f) });
  put("val_loss", xy(lines.val_loss));
  put("val_loss dots", xy(lines.val_loss));
  put("top1", xy(lines.top1));
  put("top1 dots", xy(lines.top1));
  put("train_top1", xy(lines.train_error, (error) => 100 - error));
  const bounds = (lines.top1?.[1] || []).map((top1) => wilson(top1 / 100, n));
  put("band", { x: [...(lines.top1?.[0] || [])], low: bounds.map((b) => b[0]), high: bounds.map((b) => b[1]) });
}

function fillStrip() {
  const { blocks, steps, values } = series.get(main)?.strip || { blocks: [], steps: [], values: [] };
  const gap = steps.length > 1 ? steps[1] - steps[0] : 1;
  const data = { x: [], y: [], width: [], value: [] };
  steps.forEach((step, i) => blocks.forEach((block, j) => {
    data.x.push(step); data.y.push(block); data.width.push(gap); data.value.push(values[i][j]);
  }));
  const positive = data.value.filter((value) => value > 0);
  if (positive.length) { drawn.mapper.low = positive.reduce((a, b) => Math.min(a, b)); drawn.mapper.high = positive.reduce((a, b) => Math.max(a, b)); }
  drawn.figures[4].y_range.factors = blocks;
  drawn.strip.data = data;
}

// Only what came with this tick.
function refresh(news) {
  if (!drawn) return;
  for (const [run, fresh] of Object.entries(news)) {
    if (fresh.error || !series.has(run)) continue;
    const stream = (key, [x, y]) => drawn.glyphs.get(`${run} ${key}`)?.stream({ x, y }, MOST_POINTS);
    for (const name of STEP_LINES) if (fresh.lines[name]) stream(name, fresh.lines[name]);
    if (fresh.lines.loss) {
      const before = drawn.glyphs.get(`${run} smooth`)?.data.y;
      stream("smooth", [fresh.lines.loss[0], smooth(fresh.lines.loss[1], before?.[before.length - 1])]);
    }
    if (EPOCH_LINES.some((name) => fresh.lines[name])) epochs(run);
    if (run === main && fresh.strip.steps.length) fillStrip();
  }
}

function smooth(values, start) {
  const weight = Number(find(".smoothing").value);
  let mean = start;
  return values.map((value) => (mean = mean === undefined ? value : weight * mean + (1 - weight) * value));
}

function wilson(share, n) {
  const z = 1.96, centre = share + (z * z) / (2 * n), spread = z * Math.sqrt((share * (1 - share)) / n + (z / (2 * n)) ** 2);
  return [(100 * (centre - spread)) / (1 + (z * z) / n), (100 * (centre + spread)) / (1 + (z * z) / n)];
}

// --- words -------------------------------------------------------------------------------------

const tail = (line) => (line && line[1].length ? line[1][line[1].length - 1] : null);
const number = (value, digits = 3) => (value === null || value === undefined ? "–" : Number(value).toPrecision(digits));
const minutes = (seconds) => (seconds === null || seconds === undefined ? "–" : `${Math.floor(seconds / 60)}:${String(Math.round(seconds) % 60).padStart(2, "0")}`);
const percent = (value) => (value === null || value === undefined ? "–" : `${value.toFixed(1)} %`);
const accuracy = (value, ci, n) => (value === null || value === undefined ? "–" : `${value.toFixed(1)} %` + (ci ? ` ± ${((ci[1] - ci[0]) / 2).toFixed(1)}` : "") + (n ? `, n = ${n.toLocaleString("en")}` : ""));

function captions() {
  if (!drawn) return;
  const lines = series.get(main)?.lines || {}, strip = series.get(main)?.strip;
  const values = strip?.values[strip.values.length - 1] || [];
  const words = [
    `Training batches thin, validation bold; lower is better. Now ${number(tail(lines.loss))}, validation ${number(tail(lines.val_loss))}.`,
    `Validation bold with its 95 % interval, training (augmented pictures) thin. Now ${percent(tail(lines.top1))}, training ${percent(lines.train_error ? 100 - tail(lines.train_error) : null)}.`,
    `Rises, then falls to zero at the end. Now ${number(tail(lines.lr))}.`,
    `How fast this machine trains; smaller pictures are faster. Now ${number(tail(lines.images_per_s))}.`,
    `Norm of each block's gradient over that of its weights; even columns are healthy. Now stem ${number(values[0], 2)}, classifier ${number(values[values.length - 1], 2)}.`,
  ];
  drawn.slots.forEach(({ box, text }, index) => {
    if (text.textContent === words[index]) return;
    text.textContent = words[index];
    box.setAttribute("aria-label", `${drawn.figures[index].title.text}. ${words[index]}`);
  });
}

function drawHead() {
  const idle = !main;
  element.querySelector(".live").classList.toggle("empty", idle);
  if (idle) { find(".state").textContent = "No run yet. Press Start; or try the network that ships with the app in Classify."; return; }
  find(".title").textContent = `Run ${head.run} · ${head.arch || ""} on ${head.data || ""}`;
  find(".state").textContent = head.state + (head.message ? `: ${head.message}` : "");
  find(".state").dataset.state = head.state;
  find(".numbers").textContent = [
    `best ${accuracy(head.best_top1, head.ci95, head.n)}`, `last epoch ${percent(head.top1)}`,
    `epoch ${head.epoch ?? 0}/${head.epochs ?? "–"}`, `step ${head.step ?? 0}/${head.steps || "–"}`,
    head.images_per_s ? `${head.images_per_s} images/s` : null, `${minutes(head.seconds)} spent`,
    head.eta ? `${minutes(head.eta)} left` : null, head.machine ? `on ${head.machine}` : null,
  ].filter(Boolean).join("  ·  ");
  find("progress").value = head.steps ? head.step / head.steps : 0;
  find(".diagnosis").textContent = head.state === "failed" ? "" : [head.diagnosis, head.estimate].filter(Boolean).join(" ");
  const alive = UNDER_WAY.includes(head.state), may = (name, on) => {
    const button = find(`[data-do=${name}]`);
    button.disabled = !on || !allowed;
    button.title = allowed ? button.dataset.note || "" : "Only the owner may do this: sign in, or give the admin token";
  };
  may("pause", head.state === "running");
  may("resume", ["paused", "stopped", "interrupted", "failed"].includes(head.state));
  may("stop", alive && head.state !== "stopping");
  may("cancel", alive);
  may("delete", !alive);
  may("set", head.state !== "finished");
  may("twin", true);
  drawReport();
  for (const [link, tab] of [[".use", "classify"], [".inside", "inspect"]]) {
    find(link).hidden = !head.epoch;
    find(link).href = `?tab=${tab}&model=run:${head.run}`;
  }
}

function drawRuns() {
  const body = find(".runs tbody");
  body.replaceChildren(...rows.map((row) => {
    const line = document.createElement("tr");
    line.dataset.run = row.run;
    line.classList.toggle("chosen", row.run === main);
    const cell = (text, name) => { const td = document.createElement("td"); td.textContent = text; if (name) td.className = name; line.append(td); return td; };
    const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: compared.has(row.run) || row.run === main, ariaLabel: `Compare run ${row.run}` });
    box.onchange = () => { box.checked ? compared.add(row.run) : compared.delete(row.run); build(); drawRuns(); poll(); };
    if (box.checked) box.style.accentColor = colour(row.run);  // the legend of the charts
    cell("").append(box);
    const open = Object.assign(document.createElement("button"), { textContent: row.run, type: "button", className: "open" });
    open.onclick = () => choose(row.run);
    cell("").append(open);
    cell(row.state, "tag").dataset.state = row.state;
    cell(row.arch);
    cell(row.data);
    cell(accuracy(row.best_top1, row.ci95), "number");
    cell(`${row.epoch}/${row.epochs}`, "number");
    cell(row.minutes === null ? "–" : row.minutes, "number");
    cell(row.seed, "number");
    return line;
  }));
  find(".runs").hidden = rows.length === 0;
}

function choose(run) {
  main = run;
  followed = run === null;
  const url = new URL(location.href);
  run ? url.searchParams.set("run", run) : url.searchParams.delete("run");
  if (url.href !== location.href) history.pushState(history.state, "", url);
  find(".log-text").textContent = "";
  find(".details").open = false;
  poll();
}

// --- doing -------------------------------------------------------------------------------------

// Asked for once, kept in this browser, sent with each call.
const tokenBox = () => document.querySelector("#admin-token input, #admin-token textarea");
function token() {
  const box = tokenBox();
  if (!box) return "";
  if (box.value) localStorage.setItem("resnet-demo-token", box.value);
  else if (localStorage.getItem("resnet-demo-token")) {
    box.value = localStorage.getItem("resnet-demo-token");
    box.dispatchEvent(new Event("input"));
  }
  return box.value;
}
const SURE = { cancel: "Cancel this run and remove all it wrote?", delete: "Remove this run and its weights from the disk?" };

async function steer(command, value = "") {
  if (SURE[command] && !confirm(SURE[command])) return;
  find(".answer").textContent = "…";
  const answer = await server.steer({ run: main, command, value, token: token() }).catch(() => ({ error: "The server did not answer. Try again." }));
  find(".answer").textContent = answer.error || answer.answer;
  if (answer.run) choose(answer.run);
  else if (["cancel", "delete"].includes(command) && !answer.error) choose(null);
  poll();
}

for (const button of element.querySelectorAll("[data-do]")) button.onclick = () => {
  if (button.dataset.do !== "set") return steer(button.dataset.do);
  for (const name of ["lr", "epochs"]) { const value = find(`.new-${name}`).value; if (value) steer("set", `${name}=${value}`); }
};
find(".smoothing").oninput = () => drawn && fill();
find(".log").onchange = () => drawn && build();
find(".unzoom").onclick = () => drawn && unzoom();
find(".csv").onclick = async () => {
  const { name, text } = await server.csv({ run: main });
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(new Blob([text], { type: "text/csv" })), download: name });
  link.click();
  URL.revokeObjectURL(link.href);
};
find(".details").ontoggle = async () => {
  if (!find(".details").open || !main) return;
  const told = await server.details({ run: main });
  find(".log-text").textContent = told.log;
};
window.addEventListener("resnet-run", (event) => choose(event.detail));
window.addEventListener("popstate", () => {
  const run = new URLSearchParams(location.search).get("run");
  if (run !== (followed ? null : main)) choose(run);
});

// --- beginning ---------------------------------------------------------------------------------

// What tests and `bench viewers` look at.
Object.assign(find(".live"), {
  tick: poll,
  drawnPoints: (run, key) => { const data = drawn?.glyphs.get(`${run} ${key}`)?.data; return data ? [[...data.x], [...data.y]] : [[], []]; },
  ranges: () => drawn.figures.map((figure) => [figure.x_range.start, figure.x_range.end]),
  zoomed: () => drawn?.zoomed() || false,
});

(async () => {
  await bokeh().catch(() => { find(".answer").textContent = "The charts' script did not come: runs are listed without charts. Reload to try again."; });
  new MutationObserver(() => drawn && build()).observe(document.body, { attributeFilter: ["class"] });
  document.addEventListener("visibilitychange", poll);
  const timer = setInterval(() => {
    if (!document.contains(element)) return clearInterval(timer);
    const wait = UNDER_WAY.includes(head.state) ? pace : Math.max(3, pace);
    if (Date.now() - last > 1000 * wait - 200) poll();
  }, 250);
  poll();
})();

// The final report of the run in the live panel: loaded when it is opened, drawn once.

let reported = null;  // run whose report is in the page

function drawReport() {
  const place = find(".final");
  place.hidden = head.state !== "finished";
  if (place.hidden || reported !== head.run) { reported = null; place.dataset.ready = ""; }
  if (place.hidden) place.open = false;
  else if (place.open && reported === null) openReport();
}

async function openReport() {
  const run = reported = main, told = await server.report({ run });
  if (run !== main) return;
  behind([], "");
  find(".final-numbers").textContent = told.error || reportSentence(told);
  drawConfusion(told);
  await drawReliability(told.reliability || []);
  find(".final").dataset.ready = run;
}

const reportSentence = (told) =>
  `Last epoch: top-1 ${accuracy(told.top1, told.top1_ci95, told.n)}, top-5 ${percent(told.top5)}, validation loss ${number(told.val_loss)}. ` +
  `Its probabilities are ${number(told.ece, 2)} points off on average (calibration error; Guo et al. 2017, section 2)` +
  (told.temperature ? `, ${number(told.ece_scaled, 2)} when logits are divided by ${told.temperature.toFixed(2)}.` : ".");

function drawConfusion(told) {
  const { confusion, classes } = told, table = find(".confusion");
  table.replaceChildren();
  if (!confusion) { table.createCaption().textContent = "No matrix: too many classes, or an older run."; return; }
  table.createCaption().textContent = "Rows: what it is. Columns: what it was called. Click a number to see the pictures.";
  const header = table.createTHead().insertRow();
  header.insertCell();
  const heading = (row, text, scope) => { const th = document.createElement("th"); th.textContent = text; th.scope = scope; row.append(th); };
  for (const name of [...classes, "right"]) heading(header, name, "col");
  const body = table.createTBody();
  confusion.forEach((row, label) => {
    const line = body.insertRow(), n = row.reduce((a, b) => a + b, 0);
    heading(line, classes[label], "row");
    row.forEach((count, called) => {
      const cell = line.insertCell();
      if (!count) return;
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: count });
      button.title = `${classes[label]} called ${classes[called]}: ${count} of ${n}`;
      button.onclick = () => showConfused(label, called, button.title, classes);
      cell.style.setProperty("--share", label === called ? count / n : Math.min(1, (4 * count) / n));
      cell.className = label === called ? "right" : "wrong";
      cell.append(button);
    });
    line.insertCell().textContent = percent(told.per_class[classes[label]]?.top1);
  });
}

async function drawReliability(bins) {
  const figure = Bokeh.Plotting.figure({ title: "Is it as sure as it is right?", height: 300, sizing_mode: "stretch_width", x_range: [0, 100], y_range: [0, 100], x_axis_label: "its probability, percent", y_axis_label: "right, percent", tools: ["save"], output_backend: "canvas" });
  figure.toolbar.logo = null;
  theme(figure);
  const column = (name) => bins.map((bin) => bin[name]);
  figure.line([0, 100], [0, 100], { color: figure.title.text_color, line_dash: "dashed" });
  figure.vbar({ x: column("confidence"), top: column("top1"), width: 5, color: "#2b6cb0", alpha: 0.7 });
  const place = find(".reliability > div"), over = bins.filter((bin) => bin.top1 > bin.confidence).length;
  place.replaceChildren();
  find(".reliability figcaption").textContent = bins.length
    ? `Each bar: pictures with about this probability, and the share of them that is right. On the dashed line it would be exactly as sure as it is right; above it, too modest: ${over} of ${bins.length} bars.`
    : "No calibration in the report of this older run.";
  place.setAttribute("aria-label", find(".reliability figcaption").textContent);
  await Bokeh.Plotting.show(figure, place);
}

async function showConfused(label, called, title, classes) {
  behind([], `${title} …`);
  const told = await server.confused({ run: main, label, called });
  behind(told.pictures || [], told.error || title + shownOf(told), classes);
}

const shownOf = (told) => (told.count > told.pictures.length ? `; the ${told.pictures.length} surest are shown.` : ".");

find(".worst").onclick = async () => {
  behind([], "The worst mistakes …");
  const [told, { classes }] = await Promise.all([server.worst({ run: main }), server.report({ run: main })]);
  behind(told.pictures || [], told.error || `The ${told.count} surest mistakes:`, classes);
};

function behind(pictures, title, classes) {
  find(".behind-title").textContent = title;
  if (title) find(".behind-title").scrollIntoView({ block: "nearest" });
  find(".behind").replaceChildren(...pictures.map((one) => {
    const figure = document.createElement("figure"), text = document.createElement("figcaption");
    const image = one.src ? Object.assign(document.createElement("img"), { src: one.src, alt: one.name }) : document.createElement("p");
    if (!one.src) image.textContent = "This picture is gone.";
    text.textContent = `${classes[one.labels]}, called ${classes[one.called]} ${percent(100 * one.probability)}`;
    text.title = one.name;
    figure.append(image, text);
    return figure;
  }));
}

find(".final").ontoggle = drawReport;

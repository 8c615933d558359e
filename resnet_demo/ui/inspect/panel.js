// The Inspect panel; the tab sends what to show by the event "resnet-inspect".

// What blocks can be measured by: [name, value of a block, log scale, how to read it].
const MEASURES = {
  relative_grad_norm: ["relative gradient norm", (b) => b.relative_grad_norm, true, "Norm of the gradient of the loss for this class, over the norm of the block's weights. One picture, eval mode: how strongly each block would be changed. It is not what \"vanishing gradients\" means at the start of training; for that press \"Before any training\"."],
  grad_norm: ["gradient norm at the output", (b) => b.grad_norm, true, "Norm of the loss's gradient with respect to the block's output. Even from stem to end: every block hears the loss (He et al. 2015, section 4.1, checked this for their plain nets too)."],
  branch_over_shortcut: ["branch over shortcut", (b) => b.branch_over_shortcut, true, "Norm of what the branch adds over the norm of what the shortcut carries, before the addition. Below 1 the block only corrects what passes by (He et al. 2015, section 3.1). Plain networks have none."],
  response_std: ["response std", (b) => b.response_std_mean, false, "Standard deviation of the outputs of each 3x3 layer after batch normalisation, before the nonlinearity or addition; mean over the block's layers, on this one picture (He et al. 2015, Fig. 7, is over the data set)."],
  activation_std: ["activation std", (b) => b.activation_std, false, "Standard deviation of the block's output on this picture."],
  dead_share: ["silent channels", (b) => b.dead_share, false, "Share of the block's channels that are zero everywhere on this picture."],
  receptive_field_px: ["effective receptive field, px", (b) => b.receptive_field_px, false, "Side of the area of the picture that the block's central output hangs on: gradient over 4.55 % of the largest (Luo et al. 2016)."],
  deletion: ["deletion score of Grad-CAM", (b) => b.deletion, false, "Share of the class's probability left when the top fifth of the block's heat map is blurred. Lower than for random maps: the map shows what the network goes by (after Petsiuk et al. 2018)."],
};
const COLOURS = ["#2b6cb0", "#c05621"], SECOND = ["#63a4e8", "#ed8936"];  // residual, plain; the other of two of a kind
let asked = null, shown = [], block = null, asking = 0, job = null;
const off = new Set(), unplugged = new Set();

const number = (value) => (value === null || value === undefined ? "–" : Math.abs(value) >= 1000 || (value && Math.abs(value) < 0.001) ? value.toExponential(2) : Number(value).toPrecision(3));
const percent = (value) => `${(100 * value).toFixed(1)} %`;
const measure = () => MEASURES[find(".measure").value];
const kind = (side) => (side.record.blocks.some((b) => b.residual) ? 0 : 1);
const good = () => shown.filter((one) => !one.error);
const colour = (side) => (good().some((one) => one !== side && kind(one) === kind(side) && good().indexOf(one) < good().indexOf(side)) ? SECOND : COLOURS)[kind(side)];
const say = (text) => { find(".told").textContent = text; };

// --- asking ------------------------------------------------------------------------------------

// Everything about the picture in each network. What is late is thrown away.
async function look() {
  const mine = ++asking;
  if (!asked?.picture) { shown = []; find(".sides").replaceChildren(); return say(asked?.told || "Drop a picture on the left, or choose an example."); }
  say("Looking …");
  const chosen = find(".target").value, models = [asked.model, asked.other].filter(Boolean);
  const common = { picture: asked.picture, target: chosen === "" ? "" : Number(chosen), shared: find(".shared").checked };
  const fresh = [];
  for (const model of models) {
    const question = { ...common, model };
    // A number means the same class only in a network with the same classes.
    const known = find(".target").dataset.known, before = chosen !== "" && shown.find((one) => one.question.model === model);
    if (chosen !== "" && (!before || JSON.stringify(before.classes) !== known)) question.target = find(".target").selectedOptions[0].textContent;
    let answer = await server.look(question).catch(() => LATE);
    if (answer.error && chosen !== "") {  // it may not know this class
      question.target = "";
      answer = await server.look(question).catch(() => LATE);
    }
    if (mine !== asking) return;
    fresh.push({ ...answer, question: { ...question, version: answer.version } });
    if (fresh.length === 1 && !answer.error) show(fresh);
  }
  show(fresh);
  for (const side of fresh.filter((one) => !one.error)) {
    const { blocks, error } = await server.deeper(side.question).catch(() => LATE);
    if (mine !== asking) return;
    if (error) return say(error);
    side.record.blocks.forEach((row, index) => Object.assign(row, blocks[index]));
    side.deep = true;
  }
  draw();
}

function show(fresh) {
  const first = fresh.find((one) => !one.error);
  shown = fresh;
  if (first && asked.model !== find(".inspect").dataset.model) { find(".data").value = first.data; find(".inspect").dataset.model = asked.model; }
  if (first) fillTargets(first);
  fillEpochs(fresh[0]);
  const names = first?.record.blocks.map((row) => row.name) || [];
  if (!names.includes(block)) block = names[names.length - 1] || null;
  draw();
}

function draw() {
  const focused = document.activeElement?.closest?.(".side") && document.activeElement.dataset.block, open = [...element.querySelectorAll(".channels")].map((one) => one.open);
  const errors = shown.filter((one) => one.error).map((one) => one.error);
  say(errors.join(" ") || "Click a block. Double-click switches it off; click an arc to unplug its shortcut.");
  find(".reading").textContent = measure()[3];
  find(".sides").replaceChildren(...shown.filter((one) => !one.error).map(drawSide));
  drawBars();
  drawAll();
  if (focused) find(`[data-block="${focused}"]`)?.focus();
  element.querySelectorAll(".channels").forEach((one, index) => { one.open = open[index] || false; });
  find(".inspect").dataset.drawn = [asked?.picture, ...shown.map((one) => one.question.model + (one.deep ? "+" : ""))].join(" ");
}

function fillTargets(side) {
  const box = find(".target"), before = box.value, known = JSON.stringify(side.classes), wasKnown = box.dataset.known;
  if (wasKnown === known) return;
  box.dataset.known = known;
  box.replaceChildren(make("option", { value: "", textContent: "the most probable" }), ...side.classes.map((name, index) => make("option", { value: index, textContent: name })));
  const name = before === "" ? null : JSON.parse(wasKnown || "[]")[Number(before)];
  box.value = side.classes.includes(name) ? side.classes.indexOf(name) : "";
}

function fillEpochs(side) {
  const through = find(".through"), epochs = side?.epochs || [];
  through.hidden = find(".tools .strip").hidden = epochs.length === 0;
  find(".tools .strip").href = `?tab=train&run=${asked.model.split("@")[0].slice(4)}`;
  if (through.hidden) return;
  const range = find(".epoch"), at = asked.model.split("@")[1], place = epochs.indexOf(Number(at));
  range.max = epochs.length - 1;
  range.value = place < 0 ? epochs.length - 1 : place;
  range.dataset.epochs = JSON.stringify(epochs);
  through.querySelector("output").textContent = at ?? "best";
}

// --- a network and what it did -----------------------------------------------------------------

function drawSide(side) {
  const { record } = side, here = make("section", { className: "side" });
  here.style.setProperty("--side", colour(side));
  const row = record.blocks.find((one) => one.name === block) || record.blocks[record.blocks.length - 1];
  here.append(make("h3", { textContent: `${record.model}: ${side.arch}, ${side.params.toLocaleString("en")} parameters, sees ${side.px} × ${side.px} px` }));
  here.append(drawMap(side, row), drawPicture(side, row), drawNow(side), drawBlock(side, row));
  return here;
}

// Blocks by stage: an arc for each shortcut, a tile for each block in the colour of its measure.
function drawMap(side, chosen) {
  const map = make("div", { className: "net" }), value = measure()[1], log = measure()[2];
  const known = side.record.blocks.map(value).filter((one) => one > 0 || (!log && one !== null && one !== undefined));
  const scale = (one) => (log ? Math.log(one) : one), low = scale(Math.min(...known)), high = scale(Math.max(...known));
  let stage = null;
  for (const row of side.record.blocks) {
    const name = row.name.split(".")[0];
    if (stage?.dataset.name !== name) {
      stage = make("div", { className: "stage" }, make("span", { textContent: `${name} ${row.shape.join("×")}` }), make("div", { className: "tiles" }));
      stage.dataset.name = name;
      map.append(stage);
    }
    const one = value(row), share = one === null || one === undefined || (log && one <= 0) ? 0 : high > low ? (scale(one) - low) / (high - low) : 1;
    const tile = make("button", { type: "button", className: "tile", title: `${row.name}: ${measure()[0]} ${number(one)}, ${row.params?.toLocaleString("en")} parameters` });
    tile.dataset.block = row.name;
    tile.dataset.value = one ?? "";
    tile.ariaLabel = tile.title;
    tile.ariaPressed = String(row === chosen);
    tile.style.setProperty("--share", 0.12 + 0.88 * share);
    tile.classList.toggle("off", off.has(row.name) && row.residual);
    tile.onclick = () => { if (block !== row.name) { block = row.name; draw(); } };
    tile.ondblclick = () => toggle(off, unplugged, row);
    const arc = row.residual ? make("button", { type: "button", className: "arc", title: `Shortcut of ${row.name}${row.downsamples ? ", changes the shape" : ""}: click to ${unplugged.has(row.name) ? "plug it in" : "unplug it"}` }) : make("span", { className: "arc none" });
    arc.ariaLabel = arc.title || null;
    arc.classList.toggle("cut", unplugged.has(row.name));
    arc.classList.toggle("shape", row.downsamples);
    if (row.residual) arc.onclick = () => toggle(unplugged, off, row);
    stage.lastChild.append(make("span", { className: "one" }, arc, tile));
  }
  return map;
}

function toggle(cutting, other, row) {
  if (!row.residual) return say(`${row.name} is a plain block: without it nothing would pass to the next. Cut the residual twin.`);
  cutting.has(row.name) ? cutting.delete(row.name) : cutting.add(row.name);
  other.delete(row.name);
  draw();
}

function drawPicture(side, row) {
  const image = make("img", { src: side.cams[row.name], alt: `Where ${row.name} looks`, className: "large" });
  const text = make("figcaption", { textContent: `Grad-CAM (Selvaraju et al. 2017, section 3) of ${row.name} for ${side.record.class}: red speaks most for it${row.deletion === undefined ? "" : `; deletion ${number(row.deletion)}, random ${number(row.deletion_random)}`}.` });
  const plain = make("button", { type: "button", textContent: "the picture" });
  plain.onclick = () => { image.src = side.seen; text.textContent = "What the network sees."; };
  const heat = make("button", { type: "button", textContent: "where it looks" });
  heat.onclick = () => draw();
  return make("figure", { className: "picture" }, image, text, make("div", { className: "buttons" }, plain, heat));
}

// The prediction, and what the cuts make of it.
function drawNow(side) {
  const now = make("div", { className: "now" }, bars("Whole", side.record.top));
  const names = new Set(side.record.blocks.filter((row) => row.residual).map((row) => row.name));
  const question = { ...side.question, off: [...off].filter((one) => names.has(one)), unplugged: [...unplugged].filter((one) => names.has(one)) };
  if (names.size && !question.off.length && !question.unplugged.length) return now;
  if (!off.size && !unplugged.size) return now;
  const after = make("div", { className: "after" }, make("p", { textContent: "Cutting …" }));
  now.append(after);
  if (!names.size) after.replaceChildren(make("p", { textContent: "A plain network has no shortcuts: nothing can be cut here." }));
  else server.cut(question).catch(() => LATE).then((told) => after.replaceChildren(told.error ? make("p", { textContent: told.error }) : bars(`Without ${[...question.off, ...question.unplugged.map((one) => `${one}'s shortcut`)].join(", ")}`, told.top)));
  return now;
}

function bars(title, top) {
  const table = make("table", { className: "bars" }, make("caption", { textContent: title }));
  for (const one of top) {
    const bar = make("span"), line = table.insertRow();
    bar.style.width = `${100 * one.probability}%`;
    line.append(make("th", { scope: "row", textContent: one.class }), make("td", { className: "bar" }, bar), make("td", { className: "number", textContent: percent(one.probability) }));
  }
  return table;
}

function drawBlock(side, row) {
  const here = make("div", { className: "block" }), facts = [
    ["output", row.shape.join(" × ")], ["parameters", row.params?.toLocaleString("en")],
    ...Object.values(MEASURES).map(([name, value]) => [name, number(value(row))]),
    ["branch norm", number(row.branch_norm)], ["shortcut norm", number(row.shortcut_norm)],
  ];
  const table = make("table", { className: "facts" }, make("caption", { textContent: `${row.name}${row.downsamples ? ": halves the resolution or changes the channels" : ""}` }));
  for (const [name, text] of facts) table.insertRow().append(make("th", { scope: "row", textContent: name }), make("td", { className: "number", textContent: text }));
  const buttons = make("div", { className: "buttons" });
  for (const [text, set, other] of [["Switch this block off", off, unplugged], ["Unplug its shortcut", unplugged, off]]) {
    const button = make("button", { type: "button", textContent: set.has(row.name) ? `Undo: ${text.toLowerCase()}` : text, disabled: !row.residual, title: row.residual ? "" : "Only residual blocks can be cut" });
    button.onclick = () => toggle(set, other, row);
    buttons.append(button);
  }
  for (const kind of ["png", "npz"]) {
    const button = make("button", { type: "button", textContent: `Maps as ${kind.toUpperCase()}` });
    button.onclick = async () => save(await server.files({ ...side.question, block: row.name, kind }).catch(() => LATE));
    buttons.append(button);
  }
  const strip = make("img", { src: side.strips[row.name], alt: `Strongest channels of ${row.name}`, className: "strip" });
  const every = make("details", { className: "channels" }, make("summary", { textContent: `All ${row.shape[0]} channels: click one to see it over the picture` }));
  every.ontoggle = () => every.open && every.children.length === 1 && drawChannels(side, row, every);
  here.append(make("figure", {}, strip, make("figcaption", { textContent: `The channels with the largest mean, at their true resolution (it halves at each stage): ${row.strongest.join(", ")}. White: most active.` })), buttons, table, every);
  return here;
}

async function drawChannels(side, row, place) {
  const told = await server.block({ ...side.question, block: row.name }).catch(() => LATE);
  if (told.error) return place.append(make("p", { textContent: told.error }));
  const sheet = make("img", { src: told.sheet, className: "sheet", alt: `All channels of ${row.name}` }), text = make("p", { textContent: "White: the largest value." });
  sheet.onclick = async (event) => {
    const rows = Math.ceil(told.means.length / told.columns), box = sheet.getBoundingClientRect();
    const channel = Math.floor(((event.clientY - box.top) / box.height) * rows) * told.columns + Math.floor(((event.clientX - box.left) / box.width) * told.columns);
    const { over, error } = await server.channel({ ...side.question, block: row.name, channel }).catch(() => LATE);
    text.textContent = error || `Channel ${channel}: mean ${number(told.means[channel])}, largest ${number(told.largest[channel])}; shown over the picture.`;
    if (over) place.closest(".side").querySelector(".large").src = over;
  };
  place.append(text, sheet);
  if (told.filters) place.append(make("p", { textContent: "Filters of the first convolution; grey is zero." }), make("img", { src: told.filters, className: "sheet", alt: "First-layer filters" }));
}

function drawAll() {
  find(".all").replaceChildren(...(find(".every").open ? shown.filter((one) => !one.error) : []).map((side) => {
    const table = make("table", {}, make("caption", { textContent: side.record.model }));
    for (const row of side.record.blocks) table.insertRow().append(
      make("th", { scope: "row", textContent: row.name }),
      make("td", {}, make("img", { src: side.cams[row.name], alt: `Grad-CAM of ${row.name}`, width: 72 })),
      make("td", { className: "number", textContent: row.deletion === undefined ? "…" : `${number(row.deletion)} (random ${number(row.deletion_random)})` }),
      make("td", {}, make("img", { src: side.strips[row.name], alt: `Strongest channels of ${row.name}`, className: "strip" })));
    return make("div", { className: "scroll" }, table);
  }));
}

function save({ name, url, error }) {
  if (error) return say(error);
  make("a", { href: url, download: name }).click();
}

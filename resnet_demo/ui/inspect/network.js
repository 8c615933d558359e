// One network and what it did: the map of its blocks, the picture, the prediction, the chosen block.

import { LATE, make, save as saveFile } from "../static/dom.js";
import { count, percent, scientific } from "../static/format.js";
import { MEASURES, measure, shareOf } from "./measures.js";
import { colour, say, state } from "./state.js";

// redraw: called after a click that changes what is shown.
export function drawSide(side, redraw) {
  const { record } = side, here = make("section", { className: "side" });
  here.style.setProperty("--side", colour(side));
  const row = record.blocks.find((one) => one.name === state.block) || record.blocks[record.blocks.length - 1];
  const title = `${record.model}: ${side.arch}, ${count(side.params)} parameters, sees ${side.px} × ${side.px} px`;
  here.append(
    make("h2", { textContent: title }), drawMap(side, row, redraw), drawPicture(side, row, redraw), drawNow(side),
    drawBlock(side, row, redraw),
  );
  return here;
}

// --- blocks by stage: an arc for each shortcut, a tile for each block in the colour of its measure ---

function drawMap(side, chosen, redraw) {
  const map = make("div", { className: "net" }), share = shareOf(measure(), side.record.blocks);
  let stage = null;
  for (const row of side.record.blocks) {
    const name = row.name.split(".")[0];
    if (stage?.dataset.name !== name) {
      stage = make("div", { className: "stage" }, make("span", { textContent: `${name} ${row.shape.join("×")}` }));
      stage.append(make("div", { className: "tiles" }));
      stage.dataset.name = name;
      map.append(stage);
    }
    const tile = tileOf(row, share(row), row === chosen, redraw);
    stage.lastChild.append(make("span", { className: "one" }, arcOf(row, redraw), tile));
  }
  return map;
}

function tileOf(row, share, chosen, redraw) {
  const { title: name, of } = measure();
  const title = `${row.name}: ${name} ${scientific(of(row))}, ${count(row.params)} parameters`;
  const tile = make("button", { type: "button", className: "tile", title, ariaLabel: title, ariaPressed: `${chosen}` });
  tile.dataset.block = row.name;
  tile.dataset.value = of(row) ?? "";
  tile.style.setProperty("--share", 0.12 + 0.88 * share);
  tile.classList.toggle("off", state.off.has(row.name) && row.residual);
  tile.onclick = () => {
    if (state.block === row.name) return;
    state.block = row.name;
    redraw();
  };
  tile.ondblclick = () => toggle(state.off, state.unplugged, row, redraw);
  return tile;
}

function arcOf(row, redraw) {
  if (!row.residual) return make("span", { className: "arc none" });
  const what = state.unplugged.has(row.name) ? "plug it in" : "unplug it";
  const title = `Shortcut of ${row.name}${row.downsamples ? ", changes the shape" : ""}: click to ${what}`;
  const arc = make("button", { type: "button", className: "arc", title, ariaLabel: title });
  arc.classList.toggle("cut", state.unplugged.has(row.name));
  arc.classList.toggle("shape", row.downsamples);
  arc.onclick = () => toggle(state.unplugged, state.off, row, redraw);
  return arc;
}

function toggle(cutting, other, row, redraw) {
  if (!row.residual) {
    say(`${row.name} is a plain block: without it nothing would pass to the next. Cut the residual twin.`);
    return;
  }
  if (!cutting.delete(row.name)) cutting.add(row.name);
  other.delete(row.name);
  redraw();
}

// --- the picture and the prediction --------------------------------------------------------------

function drawPicture(side, row, redraw) {
  const image = make("img", { src: side.cams[row.name], alt: `Where ${row.name} looks`, className: "large" });
  const score = row.deletion === undefined
    ? "" : `; deletion ${scientific(row.deletion)}, random ${scientific(row.deletion_random)}`;
  const heat = `Grad-CAM (Selvaraju et al. 2017, section 3) of ${row.name} for ${side.record.class}: ` +
    `red speaks most for it${score}.`;
  const text = make("figcaption", { textContent: heat });
  const plain = make("button", { type: "button", textContent: "the picture" });
  plain.onclick = () => {
    image.src = side.seen;
    text.textContent = "What the network sees.";
  };
  const looks = make("button", { type: "button", textContent: "where it looks", onclick: redraw });
  const sees = make("button", { type: "button", textContent: "how far it sees" });
  sees.onclick = async () => {
    const told = await state.server.field({ ...side.question, block: row.name }).catch(() => LATE);
    image.src = told.over || image.src;
    text.textContent = told.error || `What the unit in the middle of ${row.name} hangs on, its channels together: an ` +
      `area as large as ${told.px.toFixed(0)} × ${told.px.toFixed(0)} px of ${side.px} (Luo et al. 2016).`;
  };
  const buttons = make("div", { className: "buttons" }, plain, looks, sees);
  return make("figure", { className: "picture" }, image, text, buttons);
}

// The prediction, and what the cuts make of it.
function drawNow(side) {
  const now = make("div", { className: "now" }, bars("Whole", side.record.top));
  const { blocks } = side.record, residual = blocks.some((row) => row.residual);
  const has = (cut) => blocks.some((row) => row.name === cut.split(":")[0] && (row.residual || cut.includes(":")));
  const [off, unplugged] = [state.off, state.unplugged].map((cuts) => [...cuts].filter(has));
  const cuts = off.length + unplugged.length;
  if (!state.off.size && !state.unplugged.size) return now;
  if (!cuts && residual) return now;
  const after = make("div", { className: "after" }, make("p", { textContent: "Cutting …" }));
  now.append(after);
  if (cuts) showCut(side, off, unplugged, after);
  else after.replaceChildren(make("p", { textContent: "A plain network has no shortcuts: nothing can be cut here." }));
  return now;
}

async function showCut(side, off, unplugged, place) {
  const told = await state.server.cut({ ...side.question, off, unplugged }).catch(() => LATE);
  const channel = (one) => one.replace(/(.*):(.*)/, "channel $2 of $1");
  const without = [...off.map(channel), ...unplugged.map((one) => `${one}'s shortcut`)].join(", ");
  place.replaceChildren(told.error ? make("p", { textContent: told.error }) : bars(`Without ${without}`, told.top));
}

export function bars(title, top) {
  const table = make("table", { className: "bars" }, make("caption", { textContent: title }));
  for (const one of top) {
    const bar = make("span"), share = percent(100 * one.probability);
    bar.style.width = `${100 * one.probability}%`;
    table.insertRow().append(
      make("th", { scope: "row", textContent: one.class }), make("td", { className: "bar" }, bar),
      make("td", { className: "number", textContent: share }),
    );
  }
  return table;
}

// --- the chosen block ----------------------------------------------------------------------------

function drawBlock(side, row, redraw) {
  const alt = `Strongest channels of ${row.name}`;
  const strip = make("img", { src: side.strips[row.name], alt, className: "strip" });
  const caption = "The channels with the largest mean, at their true resolution (it halves at each stage): " +
    `${row.strongest.join(", ")}. White: most active.`;
  const summary = `All ${row.shape[0]} channels: click one to see it over the picture`;
  const every = make("details", { className: "channels" }, make("summary", { textContent: summary }));
  every.ontoggle = () => every.open && every.children.length === 1 && drawChannels(side, row, every, redraw);
  const figure = make("figure", {}, strip, make("figcaption", { textContent: caption }));
  return make("div", { className: "block" }, figure, buttonsOf(side, row, redraw), factsOf(row), every);
}

function factsOf(row) {
  const facts = [
    ["output", row.shape.join(" × ")],
    ["parameters", count(row.params)],
    ...Object.values(MEASURES).map(({ title, of }) => [title, scientific(of(row))]),
    ["branch norm", scientific(row.branch_norm)],
    ["shortcut norm", scientific(row.shortcut_norm)],
  ];
  const what = row.downsamples ? ": halves the resolution or changes the channels" : "";
  const table = make("table", { className: "facts" }, make("caption", { textContent: row.name + what }));
  for (const [name, text] of facts) {
    const value = make("td", { className: "number", textContent: text });
    table.insertRow().append(make("th", { scope: "row", textContent: name }), value);
  }
  return table;
}

function buttonsOf(side, row, redraw) {
  const { off, unplugged } = state, buttons = make("div", { className: "buttons" });
  const cuts = [["Switch this block off", off, unplugged], ["Unplug its shortcut", unplugged, off]];
  for (const [text, set, other] of cuts) {
    const textContent = set.has(row.name) ? `Undo: ${text.toLowerCase()}` : text;
    const title = row.residual ? "" : "Only residual blocks can be cut";
    const onclick = () => toggle(set, other, row, redraw);
    buttons.append(make("button", { type: "button", textContent, title, disabled: !row.residual, onclick }));
  }
  for (const cut of [...off].filter((one) => one.startsWith(`${row.name}:`))) {
    buttons.append(channelButton(cut, redraw));
  }
  for (const kind of ["png", "npz"]) {
    const question = { ...side.question, block: row.name, kind };
    const onclick = async () => save(await state.server.files(question).catch(() => LATE));
    buttons.append(make("button", { type: "button", textContent: `Maps as ${kind.toUpperCase()}`, onclick }));
  }
  return buttons;
}

// cut: "layer2.1:17", a channel of what a block gives.
function channelButton(cut, redraw) {
  const text = `Switch channel ${cut.split(":")[1]} off`;
  const textContent = state.off.has(cut) ? `Undo: ${text.toLowerCase()}` : text;
  const onclick = () => {
    if (!state.off.delete(cut)) state.off.add(cut);
    redraw();
  };
  return make("button", { type: "button", textContent, onclick });
}

export function save({ name, url, error }) {
  if (error) say(error);
  else saveFile(name, url);
}

async function drawChannels(side, row, place, redraw) {
  const told = await state.server.block({ ...side.question, block: row.name }).catch(() => LATE);
  if (told.error) {
    place.append(make("p", { textContent: told.error }));
    return;
  }
  const sheet = make("img", { src: told.sheet, className: "sheet", alt: `All channels of ${row.name}` });
  const text = make("p", { textContent: "White: the largest value." });
  sheet.onclick = async (event) => {
    const channel = channelAt(event, sheet, told);
    const question = { ...side.question, block: row.name, channel };
    const { over, error } = await state.server.channel(question).catch(() => LATE);
    const values = `mean ${scientific(told.means[channel])}, largest ${scientific(told.largest[channel])}`;
    text.textContent = error || `Channel ${channel}: ${values}; shown over the picture.`;
    if (!error) {
      state.channel = { model: side.question.model, block: row.name, channel };
      text.append(" ", channelButton(`${row.name}:${channel}`, redraw));
    }
    if (over) place.closest(".side").querySelector(".large").src = over;
  };
  place.append(text, sheet);
  if (!told.filters) return;
  const filters = make("img", { src: told.filters, className: "sheet", alt: "First-layer filters" });
  place.append(make("p", { textContent: "Filters of the first convolution; grey is zero." }), filters);
}

function channelAt({ clientX, clientY }, sheet, { means, columns }) {
  const box = sheet.getBoundingClientRect(), rows = Math.ceil(means.length / columns);
  const row = Math.floor(((clientY - box.top) / box.height) * rows);
  return row * columns + Math.floor(((clientX - box.left) / box.width) * columns);
}

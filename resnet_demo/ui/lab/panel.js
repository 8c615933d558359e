// The Lab panel: which lab is shown, how it stands, and what a person does with it.

import { bokeh, embed } from "../static/charts.js";
import {
  LATE, UNDER_WAY, addressOf, agrees, allow, dark, make, onThemeChange, saveText, token,
} from "../static/dom.js";
import { count, spoken } from "../static/format.js";
import { LongWork, Poller } from "../static/poll.js";
import { drawGuess, drawGuessed, mountGuess } from "./guess.js";
import * as race from "./race.js";
import { find, state } from "./state.js";

const NO_LAB = "No lab yet. Choose how long you have got and press Start the lab.";
const SURE = "Remove this lab, its runs and their weights from the disk?";
const viewer = Math.random().toString(36).slice(2);
let poller, work, initial; // drawings of networks before training: for a light page, for a dark one

// --- watching ----------------------------------------------------------------------------------

async function ask() {
  const { chosen, have } = state;
  const answer = await state.server.poll({ lab: chosen, have, viewer, token: token() });
  if (answer.error) find(".state").textContent = answer.error;
  else if (chosen === state.chosen) await take(answer);
}

async function take(answer) {
  const begun = answer.lab === state.now.lab;
  if (!begun) race.forget();
  state.now = answer;
  drawHead();
  if (!answer.lab) return;
  drawGuess();
  drawTable();
  drawVerdict();
  if (!find(".raced").hidden && window.Bokeh) await race.drawFigures(begun);
}

// --- words and numbers -------------------------------------------------------------------------

function standing({ lab, protocol, data, state: now, message, step, steps, eta }) {
  if (!lab) return NO_LAB;
  const left = eta ? `, about ${spoken(eta)} left` : "";
  const done = steps ? `, iteration ${count(step)} of ${count(steps)}${left}` : "";
  if (lab === "shipped") return `This lab came with the page (${protocol} on ${data}): guess, or start your own.`;
  return `Lab ${lab} (${protocol} on ${data}) is ${now}${message ? `: ${message}` : done}.`;
}

function optionOf({ lab, protocol, data, damaged }) {
  const textContent = damaged ? `${lab}: cannot be read` : `${lab}: ${protocol} on ${data}`;
  return make("option", { value: lab, textContent, title: damaged || "", disabled: Boolean(damaged) });
}

function drawHead() {
  const { now } = state, { lab, labs, step, steps } = now;
  find(".choice").hidden = !labs.length;
  find(".lab").classList.toggle("empty", !lab);
  const text = JSON.stringify(labs), which = find(".which");
  if (which.dataset.text !== text) {
    which.dataset.text = text;
    which.replaceChildren(...labs.map(optionOf));
  }
  which.value = lab || "";
  find(".state").textContent = standing(now);
  find(".state").dataset.state = now.state || "";
  find("header progress").value = steps ? step / steps : 0;
  find("header progress").hidden = !UNDER_WAY.includes(now.state);
  drawButtons(now);
}

function drawButtons({ lab, state: now, rows = [], unmeasured, may_steer: owner }) {
  const alive = UNDER_WAY.includes(now), finished = rows.some((row) => row.state === "finished");
  const halted = ["paused", "interrupted", "stopped", "failed"].includes(now);
  const may = (selector, can, why) => allow(find(selector), can, owner, why);
  may("[data-do=pause]", now === "running", "Nothing is training");
  may("[data-do=resume]", halted || (now === "finished" && unmeasured), alive ? "It is training" : "All has finished");
  may("[data-do=stop]", alive, "Nothing is training");
  may("[data-do=delete]", lab && !alive && lab !== "shipped", alive ? "Stop the lab first" : "There is no lab");
  const measuring = work.job !== null, wait = "Wait until the lab has ended: it takes all cores";
  const why = measuring ? "A measurement is under way" : alive ? wait : "Train a lab first";
  may("[data-work=landscape]", finished && lab !== "shipped" && !alive && !measuring, why);
  find("[data-work=initialisation]").disabled = measuring;
  for (const button of state.element.querySelectorAll("[data-file]")) allow(button, lab, true, "There is no lab");
}

const error = (cell) => (cell ? `${cell.mean.toFixed(1)} ± ${((cell.high - cell.low) / 2).toFixed(1)}` : "–");

function drawTable() {
  const { table, rows } = state.now;
  find(".errors tbody").replaceChildren(...table.map(({ depth, params, plain, residual, gap }) => {
    const errors = [plain.train, plain.val, residual.train, residual.val, gap].map(error);
    const cells = [count(params), ...errors].map((textContent) => make("td", { textContent }));
    return make("tr", {}, make("th", { scope: "row", textContent: depth }), ...cells);
  }));
  const { num_train: train, num_val: val } = rows[0] || {};
  find(".n").textContent = train ? `n = ${count(train)} training and ${count(val)} validation pictures.` : "";
}

function drawVerdict() {
  const over = !UNDER_WAY.includes(state.now.state), place = find(".verdict");
  const text = `${state.now.lab} ${over ? JSON.stringify(state.now.verdict) : state.now.state}`;
  if (place.dataset.text === text) return;
  place.dataset.text = text;
  const finding = ({ question, claim, outcome, why }) =>
    make("p", {}, make("b", { textContent: `${question} ${claim}: ${outcome}. ` }), why);
  const waiting = make("p", { textContent: "The verdict comes when all networks have finished." });
  place.replaceChildren(...(over ? state.now.verdict.map(finding) : [waiting]));
  drawGuessed();
}

// --- doing -------------------------------------------------------------------------------------

function choose(lab) {
  state.chosen = lab;
  history.replaceState(history.state, "", addressOf({ tab: "lab", lab }));
  poller.now();
}

async function steer(command) {
  const { lab } = state.now;
  if (command === "delete" && !await agrees(state.element, SURE)) return;
  find(".answer").textContent = "…";
  const told = await state.server.steer({ lab, command, token: token() }).catch(() => LATE);
  find(".answer").textContent = told.error || told.answer;
  if (command === "delete" && !told.error) choose(null);
  else poller.now();
}

async function download(kind) {
  const told = await state.server.files({ lab: state.now.lab, kind }).catch(() => LATE);
  if (told.error) find(".answer").textContent = told.error;
  else saveText(told.name, told.text, told.type);
}

async function measure(kind) {
  find(".waiting").hidden = false;
  const answer = await work.run({ kind, lab: state.now.lab, token: token() });
  if (kind === "initialisation" && answer) {
    initial = answer.drawings;
    await drawInitial();
  }
  if (kind !== "landscape") return;
  race.forgetWhy();
  poller.now();
}

const drawInitial = () => initial && embed(find(".before"), [initial[Number(dark())]]);

function listen() {
  const each = (attribute, act) => {
    for (const button of state.element.querySelectorAll(`[data-${attribute}]`)) {
      button.onclick = () => act(button.dataset[attribute]);
    }
  };
  each("do", steer);
  each("file", download);
  each("work", measure);
  find(".which").onchange = () => choose(find(".which").value);
  window.addEventListener("resnet-lab", (event) => choose(event.detail));
  onThemeChange(() => state.now.lab && poller.now());
  onThemeChange(drawInitial);
}

export async function mount(element, server) {
  Object.assign(state, { element, server });
  poller = new Poller(element, ask, (sentence) => (find(".state").textContent = sentence));
  const parts = { bar: find(".waiting progress"), sentence: find(".doing"), stop: find(".halt") };
  work = new LongWork(server, parts, () => state.now.labs && drawHead());
  mountGuess(poller.now);
  listen();
  find(".lab").drawnPoints = race.drawnPoints; // for tests
  await bokeh().catch(() => {}); // without charts there are still states and numbers
  poller.start(() => (UNDER_WAY.includes(state.now.state) ? state.now.pace || 1 : Math.max(3, state.now.pace || 1)));
}

// Guess first, then see: what a person said of each lab is kept in this browser.

import { LATE, UNDER_WAY, make, remember, remembered } from "../static/dom.js";
import { find, state } from "./state.js";

const memory = () => `resnet-demo-guess-${state.now.lab}-${state.now.created}`;
const guessed = () => JSON.parse(remembered(memory()) || "null");
const picked = (name) => find(`.guess .${name} input:checked`)?.value;

// after: what to do when a guess was made.
export function mountGuess(after) {
  const keep = (guess) => {
    remember(memory(), JSON.stringify(guess));
    drawGuessed();
    after();
  };
  find(".guess").onsubmit = (event) => {
    event.preventDefault();
    const [plain, residual, place] = ["plain", "residual", "place"].map(picked);
    keep({ plain, residual, place, depth: Number(find(".depth").value) });
  };
  find(".skip").onclick = () => keep({});
}

export function drawGuess() {
  const open = guessed() === null, { asks } = state.now;
  find(".guess").hidden = !open;
  find(".raced").hidden = open;
  if (!open || find(".guess").dataset.lab === memory()) return;
  find(".guess").dataset.lab = memory();
  for (const name of ["plain", "residual", "place"]) {
    find(`.guess .${name}`).replaceChildren(...asks[name].map((value) => choice(name, value)));
  }
  find(".depth").replaceChildren(...asks.depths.map((one) => depthOption(one, asks.chosen)));
  find(".no-depth").textContent = asks.note;
}

function choice(name, value) {
  return make("label", {}, make("input", { type: "radio", name: `lab-${name}`, value, required: true }), ` ${value} `);
}

function depthOption({ depth, why_not: why }, chosen) {
  const textContent = why ? `${depth} (not one)` : depth;
  return make("option", { value: depth, textContent, disabled: Boolean(why), title: why, selected: depth === chosen });
}

export async function drawGuessed() {
  const guess = guessed(), place = find(".guessed"), { lab } = state.now;
  place.replaceChildren();
  if (!guess?.plain || UNDER_WAY.includes(state.now.state)) return;
  const told = await state.server.guess({ lab, guess }).catch(() => LATE);
  if (state.now.lab !== lab) return;
  const lines = told.error ? [told.error] : told.answers.map(sentence);
  place.replaceChildren(
    make("h3", { textContent: "Your guess" }), ...lines.map((textContent) => make("p", { textContent })),
  );
}

function sentence({ question, guessed: said, found, right, note }) {
  const mark = right === null ? "" : right ? " ✓ right" : " ✗ otherwise";
  return `${question}: you said ${said}, it was ${found ?? "not measured"}${mark}${note ? ` (${note})` : ""}.`;
}

// Sweeps: what each setting ends with over its seeds, and which differences are larger than noise.

import { bokeh, embed } from "../static/charts.js";
import { LATE, dark, make, onThemeChange } from "../static/dom.js";
import { Poller } from "../static/poll.js";

const PACE_SECONDS = 5;
let element, server, drawn = "";

const find = (query) => element.querySelector(query);
const two = (value) => (value === null ? "" : value.toFixed(2));

async function ask() {
  const { value } = find(".which"), answer = await server.sweep({ value });
  if (answer.error) throw new Error(answer.error);
  if (find(".which").value !== value) return; // another was chosen meanwhile
  find(".none").hidden = Boolean(answer.sweep);
  find(".some").hidden = !answer.sweep;
  if (!answer.sweep) return;
  fill(find(".which"), answer.sweeps, answer.sweep);
  find(".done").textContent = `${answer.done} of ${answer.runs.length} runs have finished.`;
  find("tbody").replaceChildren(...answer.rows.map((row, index) => rowOf(row, answer, index)));
  find(".verdict").replaceChildren(...answer.verdict.map((text) => make("li", {}, text)));
  await draw(answer);
}

function fill(select, names, chosen) {
  if ([...select.options].map(({ value }) => value).join() !== names.join())
    select.replaceChildren(...names.map((name) => make("option", { value: name }, name)));
  select.value = chosen;
}

function rowOf(row, { runs, seeds }, index) {
  const interval = row.low === null ? "" : `${two(row.low)} to ${two(row.high)}`;
  const minutes = row.seconds === null ? "" : (row.seconds / 60).toFixed(1);
  const own = make("td", {}, ...runs.slice(index * seeds, (index + 1) * seeds).flatMap((run) => [open(run), " "]));
  const cells = [row.name, `${Object.keys(row.by_seed).length} of ${seeds}`, two(row.mean), interval, minutes];
  return make("tr", {}, ...cells.map((text) => make("td", {}, text)), own);
}

function open(run) {
  const link = make("a", { href: "#", title: `Open run ${run}` }, run);
  link.onclick = (event) => {
    event.preventDefault();
    window.dispatchEvent(new CustomEvent("resnet-run", { detail: run }));
    document.querySelector("#live").scrollIntoView({ behavior: "smooth", block: "nearest" });
  };
  return link;
}

// Anew when a run has got further, or the colours of the page changed.
async function draw({ sweep, epochs }) {
  const key = `${sweep} ${epochs} ${dark()}`;
  if (key === drawn || !epochs) return;
  drawn = key;
  const answer = await server.sweep_figure({ value: sweep, dark: dark() }).catch(() => LATE);
  if (answer.error) drawn = "";
  else {
    await bokeh();
    await embed(find(".figure"), answer.drawings);
  }
}

export function mount(root, functions) {
  [element, server] = [root, functions];
  const poller = new Poller(root, ask, (text) => (find(".done").textContent = text));
  find(".which").onchange = poller.now;
  onThemeChange(poller.now);
  poller.start(() => PACE_SECONDS);
}

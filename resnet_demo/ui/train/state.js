// What the Train panel's modules share: the run that is shown, and what the page has of each run.

import { inAddress } from "../static/dom.js";
import { last } from "../static/format.js";

export const STEP_LINES = ["loss", "lr", "images_per_s"];
export const MOST_POINTS = 8000; // a line in the browser; over it the server thins all of it again

export const state = {
  element: null,
  server: null,
  main: inAddress("run"), // the run that is shown
  followed: !inAddress("run"), // nobody chose it: the server says which
  rows: [], // the list of runs
  digest: "", // of these rows
  head: {}, // the line above the charts
  owner: true, // may steer
  pace: 1, // seconds between two questions
  series: new Map(), // run -> {generation, step, epoch, lines, strip}
  compared: new Set(), // other runs in the same charts
};

export const find = (selector) => state.element.querySelector(selector);
export const rowOf = (run) => state.rows.find((row) => row.run === run) || {};

// Append what is new; true when the run began anew and everything has to be drawn again.
export function receive(run, news) {
  if (news.error) return false;
  let known = state.series.get(run);
  const anew = news.reset || !known;
  if (anew) {
    const strip = { blocks: [], steps: [], values: [] };
    known = { generation: news.generation, step: -1, epoch: -1, lines: {}, strip };
    state.series.set(run, known);
  }
  for (const [name, [steps, values]] of Object.entries(news.lines)) {
    const line = (known.lines[name] ||= [[], []]);
    line[0].push(...steps);
    line[1].push(...values);
    const cursor = STEP_LINES.includes(name) ? "step" : "epoch";
    known[cursor] = Math.max(known[cursor], last(steps));
  }
  if (news.strip.steps.length) {
    known.strip.blocks = news.strip.blocks;
    known.strip.steps.push(...news.strip.steps);
    known.strip.values.push(...news.strip.values);
  }
  if ((known.lines.loss?.[0].length || 0) > MOST_POINTS) state.series.delete(run);
  return anew;
}

// What the Inspect panel's modules share.

import { lineColour, paleColour } from "../static/charts.js";

export const state = {
  element: null,
  server: null,
  asked: null, // {picture, model, other}: what the tab wants to be shown
  shown: [], // one a network: its answer with the question that it answers
  block: null, // the block that was clicked
  channel: null, // {model, block, channel} that was clicked in a sheet
  off: new Set(), // blocks that are switched off
  unplugged: new Set(), // blocks whose shortcut is unplugged
};

export const find = (selector) => state.element.querySelector(selector);
export const say = (text) => (find(".told").textContent = text);
export const isShown = (side) => state.shown.includes(side); // or another picture or network came meanwhile
export const sides = () => state.shown.filter((side) => !side.error);
export const isPlain = (side) => !side.record.blocks.some((row) => row.residual);

export function isPale(side) {
  const first = sides().find((other) => isPlain(other) === isPlain(side));
  return first !== side;
}

export const colour = (side) => (isPale(side) ? paleColour : lineColour)(isPlain(side));

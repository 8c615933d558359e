// What the Lab panel's modules share.

import { inAddress } from "../static/dom.js";

export const state = {
  element: null,
  server: null,
  chosen: inAddress("lab"), // the lab that a person chose
  now: {}, // the last answer: {lab, labs, state, rows, table, verdict, lines, ...}
  have: {}, // name of a line -> the last x of it that is drawn
};

export const find = (selector) => state.element.querySelector(selector);

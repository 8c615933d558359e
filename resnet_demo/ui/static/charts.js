// BokehJS, and how the page's charts look. Figures with numbers alone are drawn by the server.

import { make, onThemeChange } from "./dom.js";

const TEXTS = ["axis_label_text_color", "major_label_text_color"];
const MANY = 3; // lines of a kind that are told apart
const look = () => getComputedStyle(document.querySelector(".gradio-container") || document.body);

// Of the palette, as it is now: "ink", "residual-1".
export const colourOf = (name) => look().getPropertyValue(`--${name}`).trim() || "#333333";
export const lineColour = (plain, place = 0) => colourOf(`${plain ? "plain" : "residual"}-${1 + (place % MANY)}`);
export const paleColour = (plain) => colourOf(plain ? "plain-pale" : "residual-pale");

// Loaded once a page, from beside it: a proxy may serve the page under a prefix.
export const bokeh = () => (window.resnetBokeh ||= loadBokeh());

async function loadBokeh() {
  const load = (file) => new Promise((resolve, reject) => {
    const src = new URL(`../../bokeh/${file}`, import.meta.url).href;
    document.head.append(make("script", { src, onload: resolve, onerror: reject }));
  });
  await load("bokeh.min.js");
  await load("bokeh-api.min.js");
  window.Bokeh.set_log_level("error");
}

// In the colours of the page around it.
export function style(figure) {
  const text = colourOf("ink"), line = colourOf("line");
  const font = look().getPropertyValue("--font").trim() || "sans-serif";
  figure.toolbar.logo = null;
  figure.toolbar.autohide = true;
  figure.background_fill_color = figure.border_fill_color = null;
  figure.outline_line_color = null;
  for (const axis of [figure.xaxis, figure.yaxis]) { // proxies for all axes
    for (const part of TEXTS) axis[part] = text;
    for (const part of ["axis_label", "major_label"]) axis[`${part}_text_font`] = font;
    axis.axis_label_text_font_style = "normal";
    axis.axis_line_color = axis.major_tick_line_color = line;
    axis.minor_tick_line_color = null;
  }
  for (const grid of [figure.xgrid, figure.ygrid]) grid.grid_line_color = line;
  Object.assign(figure.title, { text_color: text, text_font: font, text_font_size: "14px", text_font_style: "bold" });
  return figure;
}

export function plot(title, label, extra = {}) {
  return style(window.Bokeh.Plotting.figure({
    title, height: 260, sizing_mode: "stretch_width", y_axis_label: label, tools: ["hover", "save"],
    output_backend: "canvas", ...extra,
  }));
}

// A figure into a place of {div, figcaption}.
export async function put(place, figure, caption) {
  place.drawn = figure;
  const box = describe(place, figure.title.text, caption);
  await window.Bokeh.Plotting.show(figure, box);
}

onThemeChange(() => {
  for (const { drawn } of document.querySelectorAll("figure")) if (drawn) style(drawn);
});

// The same for a drawing of the server: {item, title, caption}.
export async function putDrawing(place, { item, title, caption }) {
  await window.Bokeh.embed.embed_item(item, describe(place, title, caption));
}

function describe(place, title, caption) {
  const box = place.querySelector("div");
  box.replaceChildren();
  place.querySelector("figcaption").textContent = caption;
  box.setAttribute("aria-label", `${title}. ${caption}`);
  return box;
}

const embedded = new Map(); // place -> [view manager, document] of each figure in it

// Drawings of the server into fresh slots, in the place of older ones; returns their documents.
export async function embed(place, drawings) {
  for (const [manager, old] of embedded.get(place) || []) {
    manager.clear();
    old.clear();
    window.Bokeh.documents.splice(window.Bokeh.documents.indexOf(old), 1);
  }
  const fresh = [];
  embedded.set(place, fresh);
  const slots = drawings.map(slotOf);
  place.replaceChildren(...slots.map(([slot]) => slot));
  for (const [, box, item] of slots) {
    const manager = await window.Bokeh.embed.embed_item(item, box);
    fresh.push([manager, manager.roots[0].model.document]);
  }
  return fresh.map(([, one]) => one);
}

function slotOf({ item, title, caption }) {
  const box = make("div"), now = make("span", { className: "now" });
  const slot = make("figure", {}, box, make("figcaption", {}, now, ` ${caption}`));
  slot.dataset.title = title;
  box.setAttribute("role", "img");
  box.setAttribute("aria-label", `${title}. ${caption}`);
  return [slot, box, item];
}

// BokehJS, and how the page's charts look. Figures with numbers alone are drawn by the server.

import { make } from "./dom.js";

// Blues for residual networks, oranges for plain ones; then told apart.
export const RESIDUAL = ["#2b6cb0", "#0f8a72", "#7c4dbd"];
export const PLAIN = ["#c05621", "#b8900b", "#b83280"];
export const PALE = ["#63a4e8", "#ed8936"]; // the second of two residual, two plain networks
export const HEAT = [
  "#440154", "#482878", "#3e4989", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725",
];
const TEXTS = ["axis_label_text_color", "major_label_text_color"];
const FONT = "system-ui, sans-serif";

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
  const page = getComputedStyle(document.querySelector(".gradio-container") || document.body);
  const text = page.getPropertyValue("--body-text-color").trim() || "#333";
  const line = page.getPropertyValue("--border-color-primary").trim() || "#ccc";
  figure.toolbar.logo = null;
  figure.toolbar.autohide = true;
  figure.background_fill_color = figure.border_fill_color = null;
  figure.outline_line_color = null;
  for (const axis of [figure.xaxis, figure.yaxis]) { // proxies for all axes
    for (const part of TEXTS) axis[part] = text;
    for (const part of ["axis_label", "major_label"]) axis[`${part}_text_font`] = FONT;
    axis.axis_label_text_font_style = "normal";
    axis.axis_line_color = axis.major_tick_line_color = line;
    axis.minor_tick_line_color = null;
  }
  for (const grid of [figure.xgrid, figure.ygrid]) grid.grid_line_color = line;
  Object.assign(figure.title, { text_color: text, text_font: FONT, text_font_size: "14px", text_font_style: "bold" });
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
  const box = describe(place, figure.title.text, caption);
  await window.Bokeh.Plotting.show(figure, box);
}

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

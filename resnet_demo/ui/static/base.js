// What every panel's script begins with. Gradio runs a panel's script once with `element` and
// `server` in scope. All text reaches the page by textContent.

const UNDER_WAY = ["queued", "running", "paused", "stopping"];
const LATE = { error: "The server did not answer. Try again." };
const find = (selector) => element.querySelector(selector);
const make = (tag, properties = {}, ...children) => { const made = Object.assign(document.createElement(tag), properties); made.append(...children); return made; };

// BokehJS, loaded once a page, from beside it: a proxy may serve the page under a prefix.
const bokeh = () => (window.resnetBokeh ||= (async () => {
  const root = location.pathname.replace(/\/$/, "");
  const load = (file) => new Promise((resolve, reject) => document.head.append(make("script", { src: `${root}/bokeh/${file}`, onload: resolve, onerror: reject })));
  await load("bokeh.min.js");
  await load("bokeh-api.min.js");
  Bokeh.set_log_level("error");
})());

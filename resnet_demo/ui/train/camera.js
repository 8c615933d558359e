// Pictures from the camera, a burst a class: they become one TAR in the box of "My pictures".

import { hand } from "./folder_drop.js";

const EVERY = 200;  // ms between two pictures of a burst
const QUALITY = 0.92;  // of JPEG

const taken = new Map();  // class -> entries, as a folder that is dropped has them
let stream = null, timer = null;

// --- one burst -------------------------------------------------------------------------------------

async function snap(video, label, put) {
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  canvas.getContext("2d").drawImage(video, 0, 0);
  const file = await canvas.convertToBlob({ type: "image/jpeg", quality: QUALITY });
  const entries = taken.get(label) ?? taken.set(label, []).get(label);
  entries.push({ path: `camera/${label}/${Date.now()}.jpg`, file });
  put();
}

function start(box) {
  const label = box.querySelector(".class-name").value.trim().replaceAll("/", " ");
  if (!label) return say(box, "Name the class first.");
  if (timer) return;
  const video = box.querySelector("video");
  const take = () => snap(video, label, () => count(box));
  take();
  timer = setInterval(take, EVERY);
}

function stop() {
  clearInterval(timer);
  timer = null;
}

// --- the camera ------------------------------------------------------------------------------------

async function open(box) {
  try {  // a page that came by http from elsewhere has no mediaDevices
    const fresh = await navigator.mediaDevices.getUserMedia({ video: true });
    release();  // asked for twice
    stream = fresh;
  } catch (error) {
    box.querySelector(".shooting").hidden = false;
    const reason = navigator.mediaDevices ? error.message : "pages have one by https only";
    return say(box, `There is no camera here: ${reason}.`);
  }
  const video = box.querySelector("video");
  video.srcObject = stream;
  await video.play();
  show(box, true);
  count(box);
}

const release = () => stream?.getTracks().forEach((track) => track.stop());

function shut(box) {
  stop();
  release();
  show(box, false);
}

function show(box, on) {
  box.querySelector(".shooting").hidden = !on;
  box.querySelector(".open").hidden = on;
}

const say = (box, text) => (box.querySelector(".taken").textContent = text);

function count(box) {
  const counts = [...taken].map(([label, entries]) => `${label}: ${entries.length}`);
  box.querySelector(".use").disabled = !counts.length;
  say(box, counts.join(", "));
}

function use(box) {
  hand(document.querySelector("#my-files"), [...taken.values()].flat(), "camera");
  taken.clear();
  shut(box);
}

const ACTIONS = { open, shut, use };

// On the document: the box is there only once its part of the form was opened.
export function mountCamera() {
  const burstOf = (event) => event.target.closest?.(".camera .burst");
  const held = (event) => {
    const isKey = event.type === "keydown";
    if (!burstOf(event) || (isKey && event.key !== " ") || event.repeat) return;
    start(event.target.closest(".camera"));
  };
  for (const kind of ["pointerdown", "keydown"]) document.addEventListener(kind, held);
  for (const kind of ["pointerup", "pointercancel", "keyup", "blur"]) window.addEventListener(kind, stop);
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.(".camera button");
    ACTIONS[button?.className]?.(button.closest(".camera"));
  });
}

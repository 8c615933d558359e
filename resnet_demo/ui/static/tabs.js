// A tab has an address of its own, and Back leads to the tab before.

import { addressOf, inAddress } from "./dom.js";

const nameOf = (tab) => tab.textContent.trim().toLowerCase();
const here = () => inAddress("tab") || "train";

export function mount() {
  document.addEventListener("click", (event) => {
    const tab = event.target.closest?.("[role=tab]");
    if (tab && nameOf(tab) !== here()) history.pushState(history.state, "", addressOf({ tab: nameOf(tab) }));
  });
  window.addEventListener("popstate", () => {
    const tab = [...document.querySelectorAll("[role=tab]")].find((one) => nameOf(one) === here());
    if (tab?.getAttribute("aria-selected") !== "true") tab?.click();
  });
}

// A tab has an address of its own, and Back leads to the tab before.
() => {
  const nameOf = (tab) => tab.textContent.trim().toLowerCase();
  const inAddress = () => new URLSearchParams(location.search).get("tab") || "train";
  document.addEventListener("click", (event) => {
    const tab = event.target.closest?.("[role=tab]");
    if (!tab || nameOf(tab) === inAddress()) return;
    const url = new URL(location.href);
    url.searchParams.set("tab", nameOf(tab));
    history.pushState(history.state, "", url);
  });
  window.addEventListener("popstate", () => {
    const tab = [...document.querySelectorAll("[role=tab]")].find((one) => nameOf(one) === inAddress());
    if (tab?.getAttribute("aria-selected") !== "true") tab?.click();
  });
}

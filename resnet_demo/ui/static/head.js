// The head's figure: one block of the network that ships with the page after another.

const SECONDS = 4;

export function mount(element) {
  const head = element.querySelector(".page-head"), blocks = JSON.parse(head.dataset.blocks);
  if (!blocks.length) return;
  let at = 0;
  const show = () => {
    if (!document.hidden) draw(head, blocks[at++ % blocks.length]);
  };
  show();
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) setInterval(show, 1000 * SECONDS);
}

function draw(head, { block, shortcut, branch, out }) {
  const put = (name, text) => (head.querySelector(name).textContent = text);
  put(".shortcut", `x, as it is: ${shortcut.toFixed(1)}`);
  put(".branch", `F(x), what it adds: ${branch.toFixed(1)}`);
  put(".out", out.toFixed(1));
  put("figcaption", `norms in ${block} of the network that ships with this page`);
}

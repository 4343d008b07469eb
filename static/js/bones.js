// Ten still bars at row height while nothing has come yet: the heights of real rows, so that nothing jumps.
import { $, h } from "./dom.js";

const WIDTHS = { lane: "", rank: "1.2rem", move: "", who: "9rem", gap: "", last: "", score: "5rem" };

function bone([part, width]) {
  const bar = h("i", { className: "bone" });
  bar.style.width = width;
  return h("span", { className: part }, width && bar);
}

export function bones() {
  const row = () => h("li", { className: "row", ariaHidden: "true" }, Object.entries(WIDTHS).map(bone));
  $("rows").replaceChildren(...Array.from({ length: 10 }, row));
  $("board").ariaBusy = "true";
}

// The plate with the leader: name, lead, and digits of which only the changed ones move.
import { $, calm, h, property, soon, text } from "../dom.js";
import { span } from "../format.js";

const DROP = { duration: 260, easing: "cubic-bezier(.2,.8,.2,1)" };

function digits(el, figure) {
  const chars = [...figure];
  if (el.children.length !== chars.length + 1) el.replaceChildren(...chars.map(() => h("i", { ariaHidden: "true" })), h("span", { className: "sr" }));
  chars.forEach((char, i) => {
    const cell = el.children[i], had = cell.textContent;
    if (had === char) return;
    cell.textContent = char;
    if (had && !calm() && !document.hidden) cell.animate([{ transform: "translateY(-35%)", opacity: 0 }, { transform: "none", opacity: 1 }], DROP);
  });
  text(el.lastChild, figure);
}

export function plateView(store) {
  const plate = $("plate");
  let shown = null;

  function draw() {
    if (!store.shown) return;
    const [first, second] = store.rows, { lead, writer } = store;
    if (!first) {
      text($("lead-name"), "No leader yet");
      digits($("lead-score"), writer.full(0));
      property(plate, "--lane", null);
      shown = null;
      return;
    }
    if (shown !== first.player) {
      text($("lead-name"), first.player);
      $("lead-name").title = first.player;
      shown = first.player;
    }
    text($("lead-gap"), second ? writer.full(Math.abs(first.score - second.score)) : "–");
    text($("lead-for"), lead ? span((store.shown_ms - lead.at_ms) / 1000) + (lead.atLeast ? "+" : "") : "–");
    digits($("lead-score"), writer.full(first.score));
    property(plate, "--lane", `var(--lane-${store.lanes.get(first.player)})`);
  }
  const drawSoon = soon(draw);
  for (const event of ["rows", "tick"]) store.addEventListener(event, drawSoon);
}

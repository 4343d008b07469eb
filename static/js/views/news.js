// "Just now": the latest happenings, written again at most once a second so that a line can be read.
import { $, h, name } from "../dom.js";
import { clock } from "../format.js";

const LINES = 4;
const MARK = { up: (item) => `▲ #${item.rank}`, new: () => "new", record: () => "record" };

function line(item) {
  const what = h("span", {}, h("em", {}, name(item.player)), ` ${item.verb}`, item.other !== undefined && [" ", name(item.other)]);
  what.title = what.textContent;
  return h("li", {}, h("time", { className: "num" }, clock(item.at)), what, h("b", { className: `num ${item.kind}` }, MARK[item.kind](item)));
}

export function newsView(store) {
  const list = $("just");
  let shown = null;

  function draw() {
    if (!store.shown || store.told === shown || document.hidden) return;
    shown = store.told;
    if (!shown.length) {
      list.replaceChildren(h("li", { className: "idle" }, "Overtakes and newcomers show here"));
      return;
    }
    list.replaceChildren(...shown.slice(0, LINES).map(line));
  }
  store.addEventListener("tick", draw);
  store.addEventListener("place", () => { shown = null; });
  store.addEventListener("rows", () => { if (shown === null || !shown.length) draw(); });
}

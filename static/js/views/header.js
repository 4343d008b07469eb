// Which board, which period: the switcher, the tabs, the line below, the document's title.
import { $, h, soon, text } from "../dom.js";
import { count, periodEnd, periodName, ruleSaid, sortPeriods, span } from "../format.js";
import { stopSaid } from "../stops.js";

const said = (settings) => settings.title || settings.board;

/** @param actions go({ board?, period? }), reload() (fetch the list of boards again) */
export function headerView(store, actions) {
  const pick = $("board-pick"), tabs = $("periods"), sub = $("sub");
  let options = "", periods = "", over = "";

  function boards() {
    const { place, boards: all } = store;
    const listed = all.some((b) => b.board === place.board) || !place.board ? all : [{ board: place.board }, ...all];
    const key = JSON.stringify(listed.map((b) => [b.board, b.title]));
    if (key !== options) {
      options = key;
      pick.replaceChildren(...listed.map((b) => h("option", { value: b.board, textContent: said(b) })));
    }
    pick.value = place.board ?? "";
    pick.title = store.title;
    document.title = [store.title, "Scorecast"].filter(Boolean).join(" · ");
    drawTabs();
    line();
  }

  function drawTabs() {
    const own = sortPeriods(store.settings.periods), key = own.join();
    if (key !== periods) {
      periods = key;
      const tab = (period) => {
        const input = h("input", { type: "radio", name: "period", value: period, onchange: () => actions.go({ period }) });
        const label = h("label", {}, input, periodName(period));
        label.dataset.text = periodName(period); // reserves the width of the bold word
        return label;
      };
      tabs.replaceChildren(tabs.querySelector("legend"), ...own.map(tab));
    }
    for (const input of tabs.querySelectorAll("input")) input.checked = input.value === store.place.period;
  }

  function line() {
    if (!store.shown) return;
    const { players, settings, place, shown_ms: now_ms } = store, ends = periodEnd(place.period, now_ms, settings);
    if (!store.past && place.period === "season" && settings.season_ends && !ends && settings.season_ends !== over) {
      over = settings.season_ends;
      actions.reload(); // which says when the next one ends
    }
    const parts = [`${count(players)} ${players === 1 ? "player" : "players"}`, ruleSaid(settings)];
    if (settings.unit) parts.push(settings.unit);
    if (store.past) parts.push(stopSaid(store.past.stop, store.now_ms, settings).whole);
    else if (ends) parts.push(`${place.period} ends in ${span((ends - now_ms) / 1000)}`);
    text(sub, parts.join(" · "));
  }

  pick.addEventListener("change", () => actions.go({ board: pick.value }));
  for (const event of ["pointerdown", "focus"]) pick.addEventListener(event, actions.reload);
  for (const event of ["place", "boards"]) store.addEventListener(event, boards);
  const lineSoon = soon(line);
  for (const event of ["rows", "tick"]) store.addEventListener(event, lineSoon);
}

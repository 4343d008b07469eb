// The race: rank of the top ten over the last minutes. On wide screens its lanes end in the table's rows; where the
// rows are not ranks 1 to 10, or the table is elsewhere, the race names its own lines.
import { Chart, plain } from "../chart.js";
import { $, text } from "../dom.js";
import { clock, span } from "../format.js";
import { WINDOW_MS, raceSeries, raceWindow } from "../history.js";

const LABEL_PX = 112;
const pen = document.createElement("canvas").getContext("2d");

/** As much of a name as fits beside the lines. */
function short(player) {
  pen.font = "12px Archivo, sans-serif";
  if (pen.measureText(player).width <= LABEL_PX) return player;
  const chars = [...player].slice(0, 40);
  while (chars.length && pen.measureText(`${chars.join("")}…`).width > LABEL_PX) chars.pop();
  return `${chars.join("")}…`;
}

const TICKS = [ // of the time axis, by how far back it looks
  { up_to_ms: 90e3, axis: { dtick: 30e3, tickformat: "%H:%M:%S" } },
  { up_to_ms: 180e3, axis: { dtick: 60e3 } },
  { up_to_ms: WINDOW_MS, axis: { dtick: 120e3 } },
  { up_to_ms: 2 * 3600e3, axis: { dtick: 1200e3 } },
  { up_to_ms: Infinity, axis: { dtick: 86400e3, tickformat: "%b %-d" } },
];
const STEP_MS = 2500; // by so much time moves on while nobody passes anybody: half a pixel

export function raceView(store, base) {
  const el = $("race"), list = $("rows");
  let pointed = null;
  let order = "", end_ms = 0;
  const chart = new Chart(el, base, draw);

  function draw() {
    if (!store.rows.length) return null;
    const now_ms = (end_ms = nextEnd()), { points, step_s, window_ms = WINDOW_MS } = store.race;
    const aligned = getComputedStyle(el.parentElement).getPropertyValue("--aligned").trim() === "1";
    const row = el.clientHeight / 11; // aligned: ten lanes and one row for the axis
    const colour = (player) => `var(--lane-${store.lanes.get(player)})`;
    const back_ms = raceWindow(points, { now_ms, window_ms });
    text($("race-span"), store.past ? `rank, ${span(back_ms / 1000)} before` : back_ms < WINDOW_MS ? `rank, since ${clock(now_ms - back_ms)}` : "rank, last 5 min");
    const lines = raceSeries(points, store.rows, { step_s, now_ms, window_ms });
    const bold = (line) => line.rank === 1 || line.player === store.place.player;
    const data = lines.map((line) => ({
      name: plain(line.player), x: line.x, y: line.y, customdata: line.ranks,
      line: { color: colour(line.player), width: pointed ? (pointed === line.player ? 4 : 1.5) : bold(line) ? 3.5 : 2.5 },
      opacity: pointed && pointed !== line.player ? 0.35 : 1,
    }));
    const names = lines.map((line) => ({ y: line.place, text: plain(short(line.player)), font: { color: colour(line.player) } }));
    return {
      data,
      layout: {
        margin: aligned ? { l: 16, r: 0, t: 0, b: row } : { l: 28, r: 124, t: 10, b: 26 },
        annotations: aligned ? [] : names.map((label) => ({ ...label, x: 1, xref: "paper", xanchor: "left", xshift: 6, showarrow: false })),
        xaxis: { range: [now_ms - back_ms, now_ms], ...TICKS.find(({ up_to_ms }) => back_ms <= up_to_ms).axis },
        yaxis: aligned ? { tickvals: [1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 9.5, 10.5], showticklabels: false } : { showgrid: false, ticktext: Array.from({ length: 10 }, (_, i) => lines[i]?.rank ?? i + 1) },
      },
    };
  }

  /** Where the lines end: now, when somebody has moved, else one step after the other; in the past at its moment. */
  function nextEnd() {
    if (store.past) return store.race.end_ms;
    const now = store.rows.map((row) => row.player).join("\n"), moved = now !== order;
    order = now;
    return moved || store.now_ms - end_ms >= STEP_MS || end_ms > store.now_ms ? store.now_ms : end_ms;
  }

  function point(player) {
    const wanted = store.lanes.has(player) ? player : null; // a row without a line dims nothing
    if (pointed !== wanted) { pointed = wanted; chart.request(); }
  }
  const of = (event) => point(event.target.closest(".row")?.dataset.player);
  list.addEventListener("pointerover", of);
  list.addEventListener("focusin", of);
  for (const event of ["pointerleave", "focusout"]) list.addEventListener(event, () => point(null));
  for (const event of ["analytics", "place", "own"]) store.addEventListener(event, () => chart.request());
  store.addEventListener("rows", () => chart.request());
  return chart;
}

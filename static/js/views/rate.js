// Scores per second over the last minutes, one bar per bucket, the running one in ink.
import { Chart } from "../chart.js";
import { $, text } from "../dom.js";
import { rate as said } from "../format.js";
import { rateSeries } from "../history.js";

/** The next round number (1, 2 or 5 times a power of ten) above a value: a scale that rarely changes. */
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return power * [1, 2, 5, 10].find((step) => step * power >= value);
}

const LOWEST = 5; // a scale of less would have no whole numbers on it

export function rateView(store, base) {
  const el = $("rate"), now = $("rate-now");
  let top = LOWEST, scaleFor = null;
  const chart = new Chart(el, base, draw);

  function draw() {
    const { place } = store, { at_ms, points, seen, step_s, version } = store.analytics;
    if (version === null || !store.live.players) return null;
    const { x, y } = rateSeries(points, seen, { step_s, now_ms: at_ms }), highest = Math.max(...y);
    const here = place.board + place.period;
    if (here !== scaleFor || highest > top || (highest < top / 4 && top > LOWEST)) top = roundUp(Math.max(LOWEST, highest * 1.05));
    scaleFor = here;
    return {
      data: [{ x, y, width: step_s * 800, marker: { color: x.map((_, i) => (i === x.length - 1 ? "var(--ink)" : "var(--graphite)")) } }],
      layout: { shapes: shown(), xaxis: { range: [x[0] - step_s * 500, x.at(-1) + step_s * 500] }, yaxis: { range: [0, top] } },
    };
  }

  /** A line at the moment that is shown, if it is not now. */
  function shown() {
    const at_ms = store.past?.stop.at_ms;
    return at_ms ? [{ type: "line", x0: at_ms, x1: at_ms, yref: "paper", y0: 0, y1: 1, line: { color: "var(--you)", width: 2 } }] : [];
  }

  store.addEventListener("past", () => chart.request());
  store.addEventListener("analytics", () => {
    if (!document.hidden) text(now, said(store.analytics.rate ?? 0));
    chart.request();
  });
  return chart;
}

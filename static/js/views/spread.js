// Where players stand: how many hold how much, and the followed player's own mark.
import { Chart } from "../chart.js";
import { $, text } from "../dom.js";
import { share } from "../format.js";

export function spreadView(store, base) {
  const el = $("dist"), now = $("dist-now");
  const chart = new Chart(el, base, draw);

  function draw() {
    const { distribution } = store.analytics;
    if (!distribution?.counts.length || !store.live.players) return null;
    const { from, width, counts } = distribution, mine = store.own.row?.score, { full, axis } = store.writer;
    const starts = counts.map((_, i) => from + i * width);
    const bin = mine === undefined ? -1 : Math.min(counts.length - 1, Math.max(0, Math.floor((mine - from) / width)));
    const left = bin > counts.length / 2; // the word stands on the side with room
    const mark = { x: mine, yref: "paper", y: 1, yanchor: "top", xanchor: left ? "right" : "left", xshift: left ? -4 : 4, text: "<b>You</b>", showarrow: false, font: { color: "var(--you)" } };
    return {
      data: [{
        x: starts.map((start) => start + width / 2), y: counts, width: width * 0.88,
        marker: { color: counts.map((_, i) => (i === bin ? "var(--you)" : "var(--graphite)")) },
        customdata: starts.map((start) => (width > 1 ? `${full(start)} to ${full(start + width - 1)}` : full(start))),
      }],
      layout: {
        shapes: bin < 0 ? [] : [{ type: "line", x0: mine, x1: mine, yref: "paper", y0: 0, y1: 1, line: { color: "var(--you)", width: 2 } }],
        annotations: bin < 0 ? [] : [mark],
        xaxis: { range: [from - width * 0.5, from + width * (counts.length + 0.5)], ...axis(from, from + width * counts.length) },
        yaxis: { range: [0, Math.max(...counts) * 1.18] },
      },
    };
  }

  function words() {
    const { own, live: { players } } = store;
    text(now, own.row && players ? `Top ${share(own.row.rank, players)}` : "");
    chart.request();
  }
  for (const event of ["analytics", "own", "place"]) store.addEventListener(event, words);
  return chart;
}

// One Plotly chart: a base figure from the server (plotly.py), coloured by the page's tokens, redrawn with plain data.
// Owns: colours, pace (three times a second at most, in an animation frame, never in a hidden tab), size.
// Leaves to others: what is drawn (views/race.js, views/rate.js, views/spread.js).
import { soon, token } from "./dom.js";

const PACE_MS = 333; // a redraw costs 8 to 14 ms of a fast core, whatever changed
const CONFIG = { displayModeBar: false, scrollZoom: false, doubleClick: false, showTips: false };

/** A copy of a figure part with every "var(--name)" replaced by the colour that `colours` (a Map, filled here) has. */
function coloured(part, colours) {
  if (typeof part === "string") {
    if (!part.startsWith("var(--")) return part;
    if (!colours.has(part)) colours.set(part, token(part.slice(6, -1)));
    return colours.get(part);
  }
  if (Array.isArray(part)) return part.map((item) => coloured(item, colours));
  if (part && typeof part === "object") return Object.fromEntries(Object.entries(part).map(([k, v]) => [k, coloured(v, colours)]));
  return part;
}

/** Plotly reads a little markup in its texts; a name is only ever text, whatever it looks like, whichever way it runs. */
export const plain = (name) =>
  `\u2068${name.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")}\u2069`;

/** merge({a: {b: 1}}, {a: {c: 2}}) -> {a: {b: 1, c: 2}}; arrays and plain values of the second win. */
export function merge(base, over) {
  const out = { ...base };
  for (const [key, value] of Object.entries(over ?? {})) {
    const both = [out[key], value].every((v) => v && typeof v === "object" && !Array.isArray(v));
    out[key] = both ? merge(out[key], value) : value;
  }
  return out;
}

const waiting = []; // charts that are due; one a frame, so that rows never wait for all of them

function drawNext() {
  const draw = waiting.shift();
  if (waiting.length) requestAnimationFrame(drawNext);
  draw();
}

function queue(draw) {
  if (waiting.push(draw) === 1) requestAnimationFrame(drawNext);
}

export class Chart {
  #el;
  #base;
  #colours = new Map(); // of the theme; asking the browser costs a style pass each
  #draw;
  #drawn = "";
  /** Draw soon. */
  request = soon(() => queue(() => this.#now()), PACE_MS);

  /** @param draw () => { data: [...], layout: {...} } to lay over the base, or null to leave the chart as it is */
  constructor(el, base, draw) {
    this.#el = el;
    this.#base = base;
    this.#draw = draw;
    new ResizeObserver(this.request).observe(el);
    document.addEventListener("visibilitychange", this.request);
  }

  /** Take the colours anew: the theme has changed. */
  recolour() { this.#colours.clear(); this.request(); }

  #now() {
    const { clientWidth: width, clientHeight: height } = this.#el;
    const over = window.Plotly && width && this.#draw(); // frames are not drawn in a hidden tab
    if (!over) return;
    const paint = (part) => coloured(part, this.#colours);
    const data = over.data.map((trace) => paint(merge(this.#base.data[0], trace)));
    const layout = paint(merge(merge(this.#base.layout, over.layout), { width, height }));
    const all = JSON.stringify([data, layout]); // a redraw costs tens of milliseconds, a look at the text does not
    if (all === this.#drawn) return;
    this.#drawn = all;
    window.Plotly.react(this.#el, data, layout, CONFIG);
  }
}

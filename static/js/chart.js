// One Plotly chart: a base figure from the server (plotly.py), coloured by the page's tokens, redrawn with plain data.
// Owns: colours, pace (at most four times a second, in an animation frame, never in a hidden tab), size.
// Leaves to others: what is drawn (views/race.js, views/rate.js, views/spread.js).
import { token } from "./dom.js";

const PACE_MS = 250;
const CONFIG = { displayModeBar: false, scrollZoom: false, doubleClick: false, showTips: false };

/** A copy of a figure part with every "var(--name)" replaced by the colour that token has now. */
export function coloured(part) {
  if (typeof part === "string") return part.startsWith("var(--") ? token(part.slice(6, -1)) : part;
  if (Array.isArray(part)) return part.map(coloured);
  if (part && typeof part === "object") return Object.fromEntries(Object.entries(part).map(([k, v]) => [k, coloured(v)]));
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

export class Chart {
  #el;
  #base;
  #figure;
  #draw;
  #due = null;
  #drawn_ms = -Infinity;

  /** @param draw () => { data: [...], layout: {...} } to lay over the base, or null to leave the chart as it is */
  constructor(el, base, draw) {
    this.#el = el;
    this.#base = base;
    this.#draw = draw;
    new ResizeObserver(() => this.request()).observe(el);
    document.addEventListener("visibilitychange", () => this.request());
  }

  /** Take the colours anew: the theme has changed. */
  recolour() { this.#figure = null; this.request(); }

  /** Draw soon. */
  request() {
    if (this.#due !== null || document.hidden) return;
    const wait = Math.max(0, this.#drawn_ms + PACE_MS - performance.now());
    this.#due = setTimeout(() => requestAnimationFrame(() => { this.#due = null; this.#now(); }), wait);
  }

  #now() {
    const { clientWidth: width, clientHeight: height } = this.#el;
    const over = window.Plotly && width && !document.hidden && this.#draw();
    if (!over) return;
    this.#figure ??= coloured(this.#base);
    const [skeleton] = this.#figure.data;
    const data = over.data.map((trace) => merge(skeleton, coloured(trace)));
    const layout = merge(merge(this.#figure.layout, coloured(over.layout)), { width, height });
    this.#drawn_ms = performance.now();
    window.Plotly.react(this.#el, data, layout, CONFIG);
  }
}

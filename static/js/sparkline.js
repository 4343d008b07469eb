// One line without axes over the last minutes, scaled to its own range. `path` is pure; `spark` keeps one SVG.
import { WINDOW_MS } from "./toolbox.js";

const WIDTH = 100, HEIGHT = 24, EDGE = 2;
const SVG = "http://www.w3.org/2000/svg";

/** @param points [{ at_ms, value }], oldest first; a null breaks the line. @returns {string} the `d` of a path */
export function path(points, now_ms) {
  const values = points.map((point) => point.value).filter((value) => value !== null);
  const low = Math.min(...values), high = Math.max(...values), scale = high > low ? (HEIGHT - 2 * EDGE) / (high - low) : 0;
  const floor = scale || high === 0 ? HEIGHT - EDGE : HEIGHT / 2; // a steady value lies in the middle, a steady nothing below
  let pen = "M", d = "", last = null;
  for (const { at_ms, value } of points) {
    if (value === null) { pen = "M"; continue; }
    const x = (WIDTH * (1 - (now_ms - at_ms) / WINDOW_MS)).toFixed(1), y = (floor - (value - low) * scale).toFixed(1);
    if (x < 0 || x === last) continue;
    d += `${pen}${x},${y}`;
    [pen, last] = ["L", x];
  }
  return d;
}

/** An element and what draws points into it. */
export function spark() {
  const svg = document.createElementNS(SVG, "svg"), line = document.createElementNS(SVG, "path");
  for (const [key, value] of Object.entries({ class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" })) svg.setAttribute(key, value);
  svg.append(line);
  return { svg, draw(points, now_ms) { line.setAttribute("d", path(points, now_ms)); } };
}

// Small helpers over the DOM. Text goes in as text, never as markup: names are whatever players chose.
export const $ = (id) => document.getElementById(id);

/** An element with properties (or attributes) and children; null and false children are left out. */
export function h(tag, props = {}, ...kids) {
  const el = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) key in el ? (el[key] = value) : el.setAttribute(key, value);
  el.append(...kids.flat().filter((kid) => kid != null && kid !== false));
  return el;
}

/** Writes only what differs, so that an unchanged figure costs no layout and no announcement. */
export const text = (el, value) => { if (el.textContent !== String(value)) el.textContent = value; };

/** A custom property, likewise only when it differs; null takes it away. */
export function property(el, key, value) {
  const had = el.style.getPropertyValue(key);
  if (value == null) { if (had) el.style.removeProperty(key); }
  else if (had !== String(value)) el.style.setProperty(key, value);
}

/** A player's name inside a sentence, fenced off so that its direction cannot turn the words around it. */
export const name = (player) => h("bdi", { textContent: player });

const LOST_MS = 2000;
/**
 * A function that draws once before the next paint, however often it is called until then, and not twice within
 * `pace_ms`. A page that cannot keep up so leaves out pictures, never news; a hidden page draws nothing.
 */
export function soon(draw, pace_ms = 0) {
  let asked_ms = -Infinity, drawn_ms = -Infinity, timer, frame;
  const paint = () => {
    asked_ms = -Infinity;
    drawn_ms = performance.now();
    draw();
  };
  return () => {
    const now = performance.now(), wait = drawn_ms + pace_ms - now;
    if (now - asked_ms < pace_ms + LOST_MS) return; // on its way; if a browser forgets it, a later call asks again
    asked_ms = now;
    clearTimeout(timer);
    cancelAnimationFrame(frame);
    if (wait > 0) timer = setTimeout(() => { frame = requestAnimationFrame(paint); }, wait);
    else frame = requestAnimationFrame(paint);
  };
}

export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

const probe = h("i", { hidden: true });
/** The colour a token has now: light-dark() is settled by the browser, not by us. */
export function token(key) {
  if (!probe.isConnected) document.body.append(probe);
  probe.style.color = `var(--${key})`;
  return getComputedStyle(probe).color;
}

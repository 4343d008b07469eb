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

/** A player's name inside a sentence, fenced off so that its direction cannot turn the words around it. */
export const name = (player) => h("bdi", { textContent: player });

export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

const probe = h("i", { hidden: true });
/** The colour a token has now: light-dark() is settled by the browser, not by us. */
export function token(key) {
  if (!probe.isConnected) document.body.append(probe);
  probe.style.color = `var(--${key})`;
  return getComputedStyle(probe).color;
}

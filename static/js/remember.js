// What the browser keeps between visits. A browser that refuses storage costs the memory, not the page.
const PREFIX = "scorecast:";

export function recall(key) {
  try { return localStorage.getItem(PREFIX + key); } catch { return null; }
}

/** What was remembered is told on `window`: "remember", with detail { key, value }. */
export function remember(key, value) {
  dispatchEvent(new CustomEvent("remember", { detail: { key, value } }));
  try { value == null ? localStorage.removeItem(PREFIX + key) : localStorage.setItem(PREFIX + key, value); } catch { /* private window */ }
}

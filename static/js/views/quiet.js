// The page while there is nothing to show: still bars before the first snapshot, and on an empty board the line that
// posts the first score.
import { bones } from "../bones.js";
import { $, h, text } from "../dom.js";

const BONES_MS = 300;

const firstScore = (board) =>
  `curl -X POST ${location.origin}/api/v1/boards/${board}/scores \\\n  -H 'Content-Type: application/json' \\\n  -d '{"player":"ada","score":1200}'`;

async function copy(words, from) {
  try {
    await navigator.clipboard.writeText(words);
  } catch { // no permission, or plain HTTP from another machine: the old way
    getSelection().selectAllChildren(from);
    if (!document.execCommand("copy")) return false;
  }
  return true;
}

/** @param say speaks in the page's polite region */
export function quietView(store, say) {
  const box = $("nothing"), root = document.documentElement;
  let timer = setTimeout(() => { if (!store.shown) bones(); }, BONES_MS), drawnFor = null;

  function empty() {
    const shows = JSON.stringify([store.place.board, !!store.past]);
    if (drawnFor === shows) return;
    drawnFor = shows;
    const line = firstScore(store.place.board), code = h("code", { textContent: line });
    const button = h("button", { type: "button" }, "Copy");
    button.addEventListener("click", async () => {
      const done = await copy(line, code);
      text(button, done ? "Copied" : "Press Ctrl+C");
      say(done ? "Copied" : "Selected, press Control C to copy");
      setTimeout(() => text(button, "Copy"), 2000);
    });
    if (store.past) return box.replaceChildren(h("h2", {}, "Nobody had a score then"));
    box.replaceChildren(h("h2", {}, "No scores yet"), h("p", {}, "Post the first one; it appears here by itself."), h("div", { className: "curl" }, h("pre", { tabIndex: 0 }, code), button));
  }

  function draw() {
    if (!store.shown) return;
    const nothing = store.players === 0;
    root.dataset.page = nothing ? "empty" : "busy";
    box.hidden = !nothing;
    if (nothing) empty();
    else { drawnFor = null; box.replaceChildren(); }
  }

  store.addEventListener("rows", draw);
  store.addEventListener("place", () => {
    clearTimeout(timer);
    timer = setTimeout(() => { if (!store.shown) bones(); }, BONES_MS);
  });
}

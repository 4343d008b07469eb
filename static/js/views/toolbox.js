// The strip of six tools below the board: each its name, a word, one figure, the line of the last minutes, three rows.
// A click opens the tool's sheet. Heights are fixed, so that nothing moves when data comes or goes.
import { $, h, soon, text } from "../dom.js";
import { clock } from "../format.js";
import { spark } from "../sparkline.js";
import { isOld } from "../toolbox.js";

const PACE_MS = 1000;

/** What stands beside the name: since when the picture is old, else the tool's own word. */
function wordOf(entry, now_ms) {
  if (isOld(entry, now_ms)) return { text: entry.state ? `since ${clock(entry.heard_ms)}` : "no answer", tone: "warn" };
  return entry.state ? entry.tool.word(entry.state) : { text: "" };
}

function cell(what) {
  const { text: words, tone = "", isolate } = typeof what === "object" ? what : { text: what };
  return h("span", { className: tone, title: words, dir: isolate ? "auto" : "" }, words);
}

function rowsOf({ tool, state }) {
  const rows = state ? tool.rows(state) : [];
  if (state && !rows.length) return [h("p", { className: "idle" }, tool.idle?.(state) ?? "Nothing yet")];
  return [h("table", { className: "mini num" }, h("tbody", {}, rows.map(([name, ...rest]) =>
    h("tr", {}, h("th", { scope: "row" }, cell(name)), rest.map((what) => h("td", {}, cell(what)))))))];
}

/** One tool's corner of the strip, and what draws it anew. */
function corner(entry, open) {
  const { tool } = entry, line = spark();
  const word = h("span", { className: "state" }), value = document.createTextNode("–"), body = h("div", { className: "body" });
  const button = h("button", { type: "button", ariaHasPopup: "dialog", onclick: () => open(entry) }, tool.name);
  const el = h("article", { className: "tool", id: `tool-${tool.id}` }, h("h2", {}, button, word),
    h("div", { className: "top" }, h("p", { className: "figure num" }, value, h("small", {}, tool.unit)), line.svg), body);
  let shown = null;

  function draw(now_ms) {
    const { text: words, tone = "" } = wordOf(entry, now_ms);
    text(word, tone ? `▲ ${words}` : words);
    word.className = `state ${tone}`;
    el.dataset.tone = tone;
    const figure = entry.state ? tool.figure(entry.state) : "–";
    if (value.data !== figure) value.data = figure;
    line.draw(entry.line, now_ms);
    const key = JSON.stringify(entry.state && tool.rows(entry.state));
    if (key !== shown) body.replaceChildren(...rowsOf(entry));
    shown = key;
  }
  return { el, draw };
}

/** @param sheet open(entry, wordOf): shows one tool whole */
export function toolboxView(toolbox, sheet) {
  const corners = toolbox.entries.map((entry) => corner(entry, (one) => sheet.open(one, wordOf)));
  $("toolbox").replaceChildren(...corners.map(({ el }) => el));
  const draw = soon(() => {
    if (document.hidden) return;
    const now_ms = Date.now();
    for (const one of corners) one.draw(now_ms);
  }, PACE_MS);
  toolbox.addEventListener("change", draw);
  draw();
}

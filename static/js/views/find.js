// Find a player: suggestions from the first thousand, fetched on focus, and an exact look-up, so that anybody on the
// board can be found. Arrow keys, Enter, Escape.
import { $, h, name } from "../dom.js";
import { count, periodSaid } from "../format.js";

const FIRST = 1000;
const SHOWN = 6;
const PAUSE_MS = 200;
const FRESH_MS = 10e3;
const clean = (typed) => typed.trim().normalize("NFC");
const fold = (player) => player.normalize("NFC").toLowerCase();

/** @param actions choose(player), top(); @param api top(), find() */
export function findView(store, api, actions) {
  const input = $("find"), list = $("found");
  let first = [], firstOf = "", first_ms = 0, options = [], active = -1, exact = { of: "", row: null, failed: false }, timer = null;

  const here = () => JSON.stringify([store.place.board, store.place.period]);
  const asked = (typed) => JSON.stringify([here(), typed]);

  async function fetchFirst() {
    if (!store.link.connected || !store.players || (firstOf === here() && Date.now() - first_ms < FRESH_MS)) return;
    const of = here();
    const { rows } = await api.top(store.place.board, store.place.period, FIRST).catch(() => ({ rows: null }));
    if (!rows || of !== here()) return;
    [first, firstOf, first_ms] = [rows, of, Date.now()];
    if (input.value) suggest();
  }

  function matches(typed) {
    const start = fold(typed), known = firstOf === here() ? first : store.rows;
    const hits = known.filter((row) => fold(row.player).startsWith(start)).slice(0, SHOWN);
    const same = exact.of === asked(typed) && exact.row;
    if (same && !hits.some((row) => row.player === same.player)) hits.unshift(same);
    return hits.slice(0, SHOWN);
  }

  function suggest() {
    const typed = clean(input.value);
    if (!typed) return close();
    const chosen = options[active]?.player;
    options = matches(typed);
    active = options.length ? Math.max(0, options.findIndex((row) => row.player === chosen)) : -1;
    clearTimeout(timer);
    if (exact.of !== asked(typed) && !options.some((row) => row.player === typed)) timer = setTimeout(() => lookUp(typed), PAUSE_MS);
    draw(typed);
    return undefined;
  }

  async function lookUp(typed) {
    const of = asked(typed);
    const row = await api.find(store.place.board, store.place.period, typed).catch(() => undefined);
    if (of !== asked(clean(input.value))) return null;
    exact = { of, row, failed: row === undefined };
    if (!list.hidden) suggest();
    return row;
  }

  /** The one line of a list without options. */
  function nothing(typed) {
    const done = exact.of === asked(typed);
    if (!done) return ["Looking…"];
    if (exact.failed) return ["The server does not answer; only the first players are known here."];
    return ["No player starts with “", name(typed), `” on this board${periodSaid(store.place.period)}.`];
  }

  function draw(typed) {
    const option = (row, i) => h("li", { id: `found-${i}`, role: "option", onclick: () => choose(row.player), onpointerdown: (e) => e.preventDefault() },
      h("span", { className: "num" }, count(row.rank)), h("span", { className: "found-name", dir: "auto", title: row.player }, row.player), h("b", { className: "num" }, store.writer.full(row.score)));
    const none = () => h("li", { className: "none", role: "option", ariaDisabled: "true" }, nothing(typed));
    list.replaceChildren(...(options.length ? options.map(option) : [none()]));
    list.hidden = false;
    input.ariaExpanded = "true";
    mark();
  }

  function mark() {
    if (options.length) [...list.children].forEach((el, i) => { el.ariaSelected = String(i === active); });
    if (active >= 0) input.setAttribute("aria-activedescendant", `found-${active}`);
    else input.removeAttribute("aria-activedescendant");
  }

  function close() {
    clearTimeout(timer);
    list.hidden = true;
    options = [];
    active = -1;
    input.ariaExpanded = "false";
    mark();
  }

  function choose(player) {
    input.value = "";
    close();
    actions.choose(player);
  }

  async function enter() {
    const typed = clean(input.value);
    if (!typed) return;
    if (options[active]) return choose(options[active].player);
    const row = await lookUp(typed);
    if (row) choose(row.player);
  }

  const keys = {
    ArrowDown: () => { if (list.hidden) suggest(); else active = options.length ? (active + 1) % options.length : -1; },
    ArrowUp: () => { active = options.length ? (active - 1 + options.length) % options.length : -1; },
    Enter: enter,
    Escape: () => { if (input.value) { input.value = ""; close(); } else { input.blur(); actions.top(); } },
  };
  input.addEventListener("keydown", (event) => {
    if (!keys[event.key] || event.isComposing) return;
    event.preventDefault();
    event.stopPropagation();
    keys[event.key]();
    mark();
  });
  input.addEventListener("focus", () => { fetchFirst(); if (input.value) suggest(); });
  input.addEventListener("input", () => { fetchFirst(); suggest(); });
  input.addEventListener("blur", close);
  store.addEventListener("place", () => { if (!list.hidden) close(); });
  document.addEventListener("keydown", (event) => {
    if (event.target.closest("input, select, textarea, dialog") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/") { event.preventDefault(); input.focus(); }
    if (event.key === "Escape") actions.top();
  });
}

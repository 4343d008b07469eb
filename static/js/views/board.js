// The board as an ordered list: keyed rows that slide to their new rank, washes on a changed score, the pinned row.
import { $, calm, h, name, property, soon, text } from "../dom.js";
import { count, moment, tiny } from "../format.js";
import { initials } from "../initials.js";

const MOVE = { duration: 450, easing: "cubic-bezier(.2,.8,.2,1)" };
const FLASH = { duration: 1400, easing: "ease-out" };
const WASH = { duration: 1400, easing: "steps(14)" }; // fades in steps too small to see, so that a busy board costs few pictures
const MOVES_MOST = 8; // more in one tick inform nobody
const PARTS = ["lane", "rank", "move", "who", "gap", "last", "score"];

function makeRow(tag, player, onChoose) {
  const row = h(tag, { className: "row" });
  row.parts = Object.fromEntries(PARTS.map((part) => [part, h("span", { className: `${part} num` })]));
  row.parts.who.className = "who";
  row.parts.lane.ariaHidden = "true";
  row.append(...Object.values(row.parts));
  row.wash = h("i", { className: "wash", ariaHidden: "true" });
  row.parts.score.before(row.wash);
  row.dataset.player = player;
  row.parts.who.append(
    h("span", { className: "badge", ariaHidden: "true", "data-initials": initials(player) }),
    h("button", { type: "button", className: "name", dir: "auto", title: player, onclick: () => onChoose(player) }, player));
  return row;
}

/** What decides between equal scores, where the board has it. */
const besides = ({ columns = {}, at }) =>
  [...Object.entries(columns).map(([column, value]) => `${column} ${count(value)}`), at && `reached ${moment(Date.parse(at))}`].filter(Boolean).join(", ");

function fill(row, r, { own, lane, order, writer }) {
  const { rank, score, gap, last, move, who } = row.parts;
  text(rank, count(r.rank));
  text(score, writer.full(r.score));
  score.title = besides(r);
  text(gap, r.gap ? writer.brief(r.gap) : "");
  text(last, r.last ? writer.signed(r.last) : "");
  last.classList.toggle("worse", r.last !== 0 && (r.last > 0) === (order === "asc"));
  if (row.moved !== r.moved) {
    const up = r.moved > 0, by = Math.abs(r.moved);
    move.className = `move num ${r.moved ? (up ? "up" : "down") : ""}`;
    move.replaceChildren(...(r.moved ? [h("span", { ariaHidden: "true" }, `${up ? "▲" : "▼"}${tiny(by)}`), h("span", { className: "sr" }, `${up ? "up" : "down"} ${by}`)] : []));
    row.moved = r.moved;
  }
  row.classList.toggle("first", r.rank === 1);
  row.classList.toggle("me", r.player === own);
  const tag = who.querySelector(".tag");
  if (r.player === own && !tag) who.append(h("span", { className: "tag you" }, "You"));
  else if (r.player !== own) tag?.remove();
  property(row, "--lane", lane == null ? null : `var(--lane-${lane})`);
}

/** Whether a score is news; one that only fades is not. */
const changed = (before, now, fades) => now > before || (now < before && !fades);
const wayOf = (before, now, order) => ((now > before) === (order !== "asc") ? "up" : "down");

/** Where rows are seen now, on their way or not: { tops: Map player -> px from the top of the list, height of a row }. */
function look(list) {
  const { top } = list.getBoundingClientRect();
  const boxes = [...list.children].map((row) => [row.dataset.player, row.getBoundingClientRect()]);
  return { tops: new Map(boxes.map(([player, box]) => [player, box.top - top])), height: boxes[0]?.[1].height ?? 0 };
}

function render(list, rows, { own, lanes, order, writer, quiet, plain, fades, onChoose }) {
  const old = new Map([...list.children].filter((el) => el.parts).map((el) => [el.dataset.player, el]));
  for (const el of [...list.children]) if (!el.parts) el.remove(); // bones
  const same = rows.length === old.size && [...old.keys()].every((player, i) => rows[i].player === player);
  const still = quiet || calm() || document.hidden || !old.size || same;
  const seen = still ? null : look(list); // one read ...
  const focused = document.activeElement;
  const washes = [], fresh = [];
  rows.forEach((r, i) => {
    const row = old.get(r.player) ?? makeRow("li", r.player, onChoose);
    if (!old.delete(r.player)) fresh.push(row);
    else if (changed(row.score, r.score, fades) && !plain) washes.push([row, wayOf(row.score, r.score, order)]);
    row.score = r.score;
    fill(row, r, { own, lane: lanes.get(r.player), order, writer });
    if (list.children[i] !== row) list.insertBefore(row, list.children[i] ?? null);
  });
  for (const row of old.values()) row.remove();
  if (focused !== document.activeElement && list.contains(focused)) focused.focus({ preventScroll: true });
  if (quiet || document.hidden) return;
  for (const [row, way] of washes) wash(row, way); // ... then only writes
  if (still) return;
  if (!plain) for (const row of fresh) row.animate([{ opacity: 0, background: "var(--you-wash)" }, { opacity: 1, background: "var(--you-wash)", offset: .3 }, { opacity: 1 }], FLASH);
  slide(list, seen);
}

/** Colour behind the score, fading. Only opacity is animated: that is the compositor's work, not the page's. */
function wash(row, way) {
  row.wash.className = `wash ${way}`;
  row.washing?.cancel();
  row.washing = row.wash.animate([{ opacity: 1 }, { opacity: 0 }], WASH);
}

/** Rows have one height, so where each belongs is known without asking the browser to lay the page out. */
function slide(list, { tops, height }) {
  const moves = [...list.children].map((row, i) => [row, tops.get(row.dataset.player) - i * height]).filter(([, dy]) => Math.abs(dy) > 1);
  for (const row of list.children) row.slide?.cancel();
  if (moves.length > MOVES_MOST) return;
  for (const [row, dy] of moves) {
    row.style.zIndex = dy > 0 ? 1 : 0; // the riser passes in front
    row.slide = row.animate([{ transform: `translateY(${dy}px)` }, { transform: "none" }], MOVE);
  }
}

/** @param actions choose(player), around(), top(), unfollow() */
export function boardView(store, actions) {
  const list = $("rows"), own = $("own"), hero = $("board");
  const hint = own.firstElementChild;
  let shownFor = null, shownView = store.view, digits = 0, digitsFor = null;

  function rows() {
    const { view, place, settings, writer, past } = store, around = view === "around" && store.own.row && !past;
    if (!store.shown) return;
    hero.ariaBusy = "false";
    const shows = JSON.stringify([place.board, place.period, !!around && place.player, !!past]);
    const table = around ? store.around : store.table;
    widen([...table, store.rows[0], store.own.row]);
    hero.querySelector(".ground").classList.toggle("apart", !!around);
    render(list, table, { own: place.player, lanes: store.lanes, order: settings.order, writer, quiet: shows !== shownFor, plain: !!past, fades: store.fades, onChoose: actions.choose });
    const turnedTo = around ? "around" : view === "around" ? shownView : "top"; // its rows may still be on their way
    const turned = turnedTo !== shownView;
    [shownFor, shownView] = [shows, turnedTo];
    const word = $("view-word");
    if (around) word.replaceChildren("Around ", name(place.player));
    else text(word, "Top 10");
    $("back").hidden = !around;
    pin();
    if (turned) moveFocus(around ? list : own, place.player);
  }

  /** The viewer went to the neighbourhood or came back: so does the focus, if it was in the board. */
  function moveFocus(where, player) {
    if (document.activeElement !== document.body && !hero.contains(document.activeElement)) return;
    const row = [...where.querySelectorAll(".row")].find((el) => el.dataset.player === player);
    row?.querySelector(".name").focus({ preventScroll: true });
  }

  /** The score column is as wide as the widest figure seen on this board: it grows and never shrinks. */
  function widen(table) {
    const whose = JSON.stringify([store.place.board, store.settings.format]);
    if (digitsFor !== whose) [digits, digitsFor] = [0, whose];
    digits = Math.max(digits, ...table.map((r) => (r ? store.writer.full(r.score).length : 1)));
    property(hero, "--score-ch", digits);
  }

  function pin() {
    const { place, view, past, settings, writer } = store;
    const stood = past && store.table.find((r) => r.player === place.player), mine = past ? { known: true, row: stood } : store.own;
    own.classList.toggle("nobody", !place.player);
    if (!place.player || !mine.known || (view === "around" && mine.row && !past)) {
      own.replaceChildren(...(place.player ? [] : [hint]));
      return;
    }
    if (own.firstChild?.dataset.player !== place.player) {
      const row = makeRow("div", place.player, actions.around);
      row.parts.who.append(
        h("span", { className: "tag you" }, "You"),
        h("button", { className: "drop", type: "button", ariaLabel: `Stop following ${place.player}`, title: "Stop following", onclick: actions.unfollow }, "×"));
      own.replaceChildren(row);
    }
    const row = own.firstChild, known = past ? stood : mine.row && (store.around.find((r) => r.player === place.player) ?? mine.row);
    row.classList.toggle("absent", !known);
    if (!known) {
      for (const part of PARTS) if (part !== "who") text(row.parts[part], { rank: "–", score: past ? "not in the top 10 then" : "no score yet" }[part] ?? "");
      row.parts.score.title = "";
      property(row, "--lane", null);
      row.moved = 0;
      row.score = undefined;
      return;
    }
    fill(row, known, { own: place.player, lane: store.lanes.get(place.player), order: settings.order, writer });
    if (row.score !== undefined && changed(row.score, known.score, store.fades) && !document.hidden && !past) wash(row, wayOf(row.score, known.score, settings.order));
    row.score = known.score;
  }

  const draw = soon(rows);
  for (const event of ["rows", "own", "place", "boards", "tick"]) store.addEventListener(event, draw);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) { shownFor = null; rows(); } });
  $("back").addEventListener("click", actions.top);
}

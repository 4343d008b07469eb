// Everything the page knows, in one place. Views read it and render again on its events; only main.js, feed and
// follow callbacks write it. Events: "place" (board, period, player or view changed), "boards", "rows", "own",
// "analytics", "told" (happenings), "state" (state of the connection), "tick" (once a second).
import { derive, tell } from "./happenings.js";
import { extend, leadSince, observe } from "./history.js";
import { assign } from "./lanes.js";
import { annotate, apply, track } from "./rows.js";
import { scoreWriter } from "./scores.js";
import { judge } from "./status.js";

export const TOP = 10;
const DEFAULTS = { rule: "best", order: "desc", periods: ["all"] };
const NO_ANALYTICS = { version: null, rate: 0, step_s: 5, points: [], seen: new Map(), distribution: null };
const STRANGER = { known: false, row: null, rows: [] };

export class Store extends EventTarget {
  place = { board: null, period: "all", player: null };
  view = "top"; // or "around": the neighbourhood of place.player
  boards = [];
  shown = false; // a snapshot of this board and period is here
  rows = [];
  players = 0;
  lanes = new Map();
  lead = null; // { player, at_ms, atLeast }
  analytics = NO_ANALYTICS;
  told = [];
  own = STRANGER; // of place.player: its row, or null when it has no score, and the rows around it
  state = "loading";
  link = { connected: false, lost_ms: Date.now(), frame_ms: Date.now(), next_ms: null, frame_at: null, ever: false, problem: null, leaving: null };
  #marks = new Map();
  #ownMarks = new Map();
  #ahead_ms = 0; // the server's clock minus ours

  /** The server's clock, as far as its frames tell. */
  get now_ms() { return Date.now() + this.#ahead_ms; }

  /** The moment that the page shows: now while it is live, else that of the last frame. */
  get shown_ms() { return this.state === "live" ? this.now_ms : this.link.frame_at ?? this.now_ms; }

  /** Settings of the board shown; the defaults until they are known. */
  get settings() { return { ...DEFAULTS, ...this.boards.find((b) => b.board === this.place.board) }; }
  /** How its scores are written. */
  get writer() { return scoreWriter(this.settings.format); }
  get title() { return this.settings.title || this.place.board || ""; }

  /** The rows of the top with gaps, last changes and fresh moves. */
  get table() { return annotate(this.rows, this.#marks, this.now_ms); }
  /** The rows around the player, likewise. */
  get around() { return annotate(this.own.rows, this.#ownMarks, this.now_ms); }

  #tell(type) { this.dispatchEvent(new Event(type)); }

  /** Another board, period, player or view. */
  go({ view = this.view, ...place }) {
    const before = this.place;
    this.place = { ...before, ...place };
    this.view = this.place.player ? view : "top";
    const same = (...keys) => keys.every((key) => this.place[key] === before[key]);
    if (!same("board", "period")) Object.assign(this, { shown: false, told: [], lead: null, analytics: NO_ANALYTICS });
    if (!same("board", "period", "player")) { this.own = STRANGER; this.#ownMarks = new Map(); }
    this.#tell("place");
  }

  setBoards(boards) { this.boards = boards; this.#tell("boards"); }

  /** A board's snapshot: starts afresh, nothing moves. */
  snapshot({ players, rows }) {
    const again = this.shown;
    if (!again) { this.#marks = new Map(); this.lanes = new Map(); }
    this.shown = true;
    this.#show(apply([], { full: true, players, rows }, TOP) ?? [], players, again);
  }

  /** A board's frame. @returns {boolean} false: it does not fit, ask again */
  frame(frame) {
    const rows = apply(this.rows, frame, TOP);
    if (rows) this.#show(rows, frame.players, true);
    return rows !== null;
  }

  #show(rows, players, compare) {
    if (compare) {
      const fresh = derive(this.rows, rows, { ...this.settings, at: this.now_ms });
      if (fresh.length) { this.told = tell(this.told, fresh); this.#tell("told"); }
    }
    Object.assign(this, { rows, players, lanes: assign(this.lanes, rows.map((row) => row.player)) });
    this.#marks = track(this.#marks, rows, this.now_ms);
    const first = rows[0]?.player;
    if (first === undefined) this.lead = null;
    else if (this.lead?.player !== first) this.lead = { player: first, at_ms: this.now_ms, atLeast: !compare };
    this.#tell("rows");
  }

  /** Analytics: a snapshot (whole = true) or the frame of one second. */
  measure(data, whole) {
    this.#ahead_ms = Date.parse(data.at) - Date.now();
    const { version, scores_per_second: rate, step_s, distribution } = data;
    const points = extend(whole ? [] : this.analytics.points, data.points, this.now_ms);
    const seen = observe(this.analytics.seen, rate, { step_s, now_ms: this.now_ms });
    this.analytics = { at_ms: this.now_ms, version, rate, step_s, distribution, points, seen };
    if (whole && this.rows.length && (!this.lead || this.lead.atLeast))
      this.lead = { player: this.rows[0].player, ...leadSince(points, this.rows[0].player, step_s, this.now_ms) };
    this.#tell("analytics");
  }

  /** What is known of the followed player: row null = no score on this board. */
  follow(row, rows = []) {
    this.own = { known: true, row, rows };
    this.#ownMarks = track(this.#ownMarks, rows, this.now_ms);
    this.#tell("own");
  }

  /** Something about the connection changed, or a second went by. */
  connect(change = {}) {
    Object.assign(this.link, change);
    const state = judge({ ...this.link, shown: this.shown }, Date.now());
    if (state !== this.state || Object.keys(change).length) { this.state = state; this.#tell("state"); }
  }

  tick() { this.connect(); this.#tell("tick"); }
}

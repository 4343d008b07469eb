// Everything the page knows, in one place. Views read it and render again on its events; only main.js, feed, follow
// and rewinder callbacks write it. Events: "place" (board, period, player or view changed), "boards", "rows", "own",
// "analytics", "told" (happenings), "past" (the time slider), "state" (state of the connection), "tick" (once a second).
import { derive, tell } from "./happenings.js";
import { extend, leadSince, observe, pointsOf } from "./history.js";
import { Picture } from "./picture.js";
import { annotate, apply, track } from "./rows.js";
import { scoreWriter } from "./scores.js";
import { judge } from "./status.js";

export const TOP = 10;
const DEFAULTS = { rule: "best", order: "desc", periods: ["all"] };
const NO_ANALYTICS = { version: null, rate: 0, step_s: 5, points: [], seen: new Map(), distribution: null };
const STRANGER = { known: false, row: null, rows: [] };
const NO_PAST = { stops: null, at: null, playing: false, failed: false };

export class Store extends EventTarget {
  place = { board: null, period: "all", player: null };
  view = "top"; // or "around": the neighbourhood of place.player
  boards = [];
  shown = false; // a snapshot of this board and period is here
  live = new Picture();
  past = null; // { stop, picture, points, step_s, window_ms } while the page shows a moment of the past
  slider = NO_PAST; // stops (null: not asked for), at: which one, null for now, playing, failed: the last one was not to be had
  analytics = NO_ANALYTICS;
  told = [];
  own = STRANGER; // of place.player: its row, or null when it has no score, and the rows around it
  state = "loading";
  link = { connected: false, lost_ms: Date.now(), frame_ms: Date.now(), next_ms: null, frame_at: null, ever: false, problem: null, leaving: null };
  #ownMarks = new Map();
  #ahead_ms = 0; // the server's clock minus ours

  /** The server's clock, as far as its frames tell. */
  get now_ms() { return Date.now() + this.#ahead_ms; }

  /** The moment that the page shows: that of the past, else now while it is live, else that of the last frame. */
  get shown_ms() { return this.past?.stop.at_ms ?? (this.state === "live" ? this.now_ms : this.link.frame_at ?? this.now_ms); }

  /** What is shown: of now, or of the past. */
  get #picture() { return this.past?.picture ?? this.live; }
  get rows() { return this.#picture.rows; }
  get players() { return this.#picture.players; }
  get lanes() { return this.#picture.lanes; }
  get lead() { return this.#picture.lead; }
  /** What the race is drawn from: points, their step, where it ends and how far it looks back. */
  get race() { return this.past ? { ...this.past, end_ms: this.past.stop.at_ms } : { ...this.analytics, end_ms: this.now_ms }; }

  /** Settings of the board shown; the defaults until they are known. */
  get settings() { return { ...DEFAULTS, ...this.boards.find((b) => b.board === this.place.board) }; }
  /** How its scores are written. */
  get writer() { return scoreWriter(this.settings.format); }
  /** Whether its scores shrink by time alone. */
  get fades() { return this.settings.half_life_s != null; }
  get title() { return this.settings.title || this.place.board || ""; }

  /** The rows of the top with gaps, last changes and fresh moves. */
  get table() { return this.#picture.table(this.now_ms); }
  /** The rows around the player, likewise. */
  get around() { return annotate(this.own.rows, this.#ownMarks, this.now_ms); }

  #tell(type) { this.dispatchEvent(new Event(type)); }

  /** Another board, period, player or view. */
  go({ view = this.view, ...place }) {
    const before = this.place;
    this.place = { ...before, ...place };
    this.view = this.place.player ? view : "top";
    const same = (...keys) => keys.every((key) => this.place[key] === before[key]);
    if (!same("board", "period")) {
      Object.assign(this, { shown: false, told: [], analytics: NO_ANALYTICS, past: null, slider: NO_PAST });
      this.live.lead = null;
    }
    if (!same("board", "period", "player")) { this.own = STRANGER; this.#ownMarks = new Map(); }
    this.#tell("place");
  }

  setBoards(boards) { this.boards = boards; this.#tell("boards"); }

  /** A board's snapshot: starts afresh, nothing moves. */
  snapshot({ players, rows }) {
    const again = this.shown;
    if (!again) this.live = new Picture();
    this.shown = true;
    this.#show(apply([], { full: true, players, rows }, TOP) ?? [], players, again);
  }

  /** A board's frame. @returns {boolean} false: it does not fit, ask again */
  frame(frame) {
    const rows = apply(this.live.rows, frame, TOP);
    if (rows) this.#show(rows, frame.players, true);
    return rows !== null;
  }

  #show(rows, players, compare) {
    if (compare) {
      const fresh = derive(this.live.rows, rows, { ...this.settings, at: this.now_ms });
      if (fresh.length) { this.told = tell(this.told, fresh); this.#tell("told"); }
    }
    this.live.show(rows, players, this.now_ms, compare, this.fades);
    if (!this.past) this.#tell("rows"); // else it is not what is shown
  }

  /** The slider moved, or its stops came. */
  slide(change) {
    this.slider = { ...this.slider, ...change };
    this.#tell("past");
  }

  /** A stop of the past is shown, `answer` and `fresh` points as they came; null: now again. */
  rewind(stop, answer, fresh = [], { window_ms, step_s } = {}) {
    const picture = stop && new Picture(this.lanes), points = pointsOf(fresh);
    if (stop) {
      picture.show(answer.rows.slice(0, TOP), answer.players, stop.at_ms, false);
      picture.lead = picture.rows.length && !stop.final && points.length ? { player: picture.rows[0].player, ...leadSince(points, picture.rows[0].player, step_s, stop.at_ms) } : null;
    }
    this.past = stop && { stop, picture, points, window_ms, step_s };
    for (const type of ["past", "rows"]) this.#tell(type);
  }

  /** Analytics: a snapshot (whole = true) or the frame of one second. */
  measure(data, whole) {
    this.#ahead_ms = Date.parse(data.at) - Date.now();
    const { version, scores_per_second: rate, step_s, distribution } = data;
    const points = extend(whole ? [] : this.analytics.points, data.points, this.now_ms);
    const seen = observe(this.analytics.seen, rate, { step_s, now_ms: this.now_ms });
    this.analytics = { at_ms: this.now_ms, version, rate, step_s, distribution, points, seen };
    const { live } = this, first = live.rows[0]?.player;
    if (whole && first !== undefined && (!live.lead || live.lead.atLeast))
      live.lead = { player: first, ...leadSince(points, first, step_s, this.now_ms) };
    this.#tell("analytics");
  }

  /** What is known of the followed player: row null = no score on this board. */
  follow(row, rows = []) {
    this.own = { known: true, row, rows };
    this.#ownMarks = track(this.#ownMarks, rows, this.now_ms, this.fades);
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

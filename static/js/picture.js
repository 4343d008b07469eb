// One picture of a board's first rows: the live one, which frames change, or one of the past. Lanes, marks and the leader
// go with it.
import { assign } from "./lanes.js";
import { annotate, track } from "./rows.js";

export class Picture {
  rows = [];
  players = 0;
  lanes;
  lead = null; // { player, at_ms, atLeast }
  #marks = new Map();

  /** @param lanes those of the picture before, so that players keep their colours */
  constructor(lanes = new Map()) { this.lanes = lanes; }

  /** Other rows. `seen`: they follow on those before, so that what changed is news and a new leader leads since now. */
  show(rows, players, now_ms, seen, fades) {
    const first = rows[0]?.player;
    Object.assign(this, { rows, players, lanes: assign(this.lanes, rows.map((row) => row.player)) });
    this.#marks = track(this.#marks, rows, now_ms, fades);
    if (first === undefined) this.lead = null;
    else if (this.lead?.player !== first) this.lead = { player: first, at_ms: now_ms, atLeast: !seen };
  }

  /** The rows with gaps, last changes and fresh moves. */
  table(now_ms) { return annotate(this.rows, this.#marks, now_ms); }
}

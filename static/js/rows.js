// The first rows of a board and what frames do to them. Pure: rows in, rows out.
// A row is { rank, player, score }; rows[i] stands i-th, which is rank i + 1 unless equal scores share a rank.
const MOVED_FOR_MS = 20e3;

/**
 * The rows after a frame; rows beyond `limit` are not ours. Where ranks repeat every frame is full, its rows in order.
 * @returns {object[] | null} null: the frame leaves a hole, so an earlier one is missing.
 */
export function apply(rows, frame, limit) {
  const next = frame.full ? frame.rows.slice(0, limit) : [...rows];
  if (!frame.full) for (const row of frame.rows) if (row.rank <= limit) next[row.rank - 1] = row;
  if (next.length > frame.players) next.length = frame.players; // a row beyond `players` is gone
  return Array.from(next).includes(undefined) ? null : next;
}

/**
 * What changed for each player since the last look: { score, rank, last, moved, moved_ms }.
 * `last` is the latest change of score seen, `moved` the ranks gained (+) or lost (-) in the latest move. `fades`: scores
 * shrink by time alone, which is no change.
 */
export function track(marks, rows, now_ms, fades = false) {
  const next = new Map();
  for (const { player, score, rank } of rows) {
    const had = marks.get(player) ?? { score, rank, last: 0, moved: 0, moved_ms: 0 };
    const mark = { ...had, score, rank };
    if (score > had.score || (score < had.score && !fades)) mark.last = score - had.score;
    if (rank !== had.rank) Object.assign(mark, { moved: had.rank - rank, moved_ms: now_ms });
    next.set(player, mark);
  }
  return next;
}

/** Rows with what the table shows beside the score: gap to the next better rank, last change, fresh moves. */
export function annotate(rows, marks, now_ms) {
  return rows.map((row, i) => {
    const mark = marks.get(row.player), above = rows.slice(0, i).findLast((other) => other.rank < row.rank);
    return {
      ...row,
      gap: above ? Math.abs(above.score - row.score) : null,
      last: mark?.last ?? 0,
      moved: mark && now_ms - mark.moved_ms < MOVED_FOR_MS ? mark.moved : 0,
    };
  });
}

/** `size` rows out of `rows` with the player's in the middle where the ends of the board allow it. */
export function neighbourhood(rows, player, size) {
  const at = rows.findIndex((row) => row.player === player);
  const from = Math.max(0, Math.min(at - Math.floor(size / 2), rows.length - size));
  return rows.slice(from, from + size);
}

// What is worth telling: derived from two states of the first rows. Pure.
const KEPT = 12;
const SAME_MS = 3000;

/**
 * The happenings between two states of the rows, newest state first in rank order.
 * @returns {{at, kind: "up"|"new"|"record", player, rank, verb, other?}[]}
 */
export function derive(before, after, { rule = "best", order = "desc", merge, at }) {
  const better = (a, b) => (order === "asc" ? a < b : a > b);
  if (!before.length) return after.slice(0, 1).map((row) => ({ at, kind: "new", player: row.player, rank: 1, verb: "opens the board" }));
  const was = new Map(before.map((row) => [row.player, row]));
  const found = [];
  for (const [i, { player, rank, score }] of after.entries()) {
    const old = was.get(player);
    if (rank === 1 && rule === "best" && !merge && better(score, before[0].score)) {
      found.push({ at, kind: "record", player, rank, verb: "sets a new best" });
    } else if (!old) {
      found.push({ at, kind: "new", player, rank, verb: after.length < 10 ? "joins the board" : "enters the top 10" });
    } else if (rank < old.rank) {
      const level = after.find((row) => row.rank === rank && (was.get(row.player)?.rank ?? Infinity) < old.rank);
      const passed = after.slice(i).find((row) => row.rank > rank); // the row right behind
      if (level) found.push({ at, kind: "up", player, rank, verb: "draws level with", other: level.player });
      else if (passed && (was.get(passed.player)?.rank ?? 0) < old.rank && was.has(passed.player))
        found.push({ at, kind: "up", player, rank, verb: rank === 1 ? "takes the lead from" : "passes", other: passed.player });
      // nobody was passed: somebody above left the board
    }
  }
  return found;
}

/** The list with fresh happenings on top; the same player again within a moment replaces the older line. */
export function tell(list, fresh) {
  let told = list;
  for (const item of [...fresh].reverse())
    told = [item, ...told.filter((old) => old.player !== item.player || item.at - old.at > SAME_MS)];
  return told.slice(0, KEPT);
}

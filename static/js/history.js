// The last minutes as points { at_ms, scores, rows }, one per bucket in which scores came, and the series charts draw
// from them. An absent bucket means no scores and an unchanged top. Pure.
export const WINDOW_MS = 300e3;
const OFF = 11.5; // below the last lane: not in the top ten

/** Points from the wire with their time as a number. */
export const pointsOf = (fresh) => fresh.map(({ at, scores, rows }) => ({
  at_ms: Date.parse(at), scores, ranks: new Map(rows.map((row) => [row.player, row.rank])), places: new Map(rows.map((row, i) => [row.player, i + 1])),
}));

/** The points with those that came from the wire; a repeated bucket keeps its latest state. */
export function extend(points, fresh, now_ms) {
  const byTime = new Map(points.map((point) => [point.at_ms, point]));
  for (const point of pointsOf(fresh)) byTime.set(point.at_ms, point);
  return [...byTime.values()].filter((point) => point.at_ms > now_ms - WINDOW_MS - 60e3).sort((a, b) => a.at_ms - b.at_ms);
}

const bucket = (at_ms, step_s) => Math.floor(at_ms / (1000 * step_s)) * 1000 * step_s;

/**
 * The rates seen live, by bucket: a bucket's point comes with the first score after it, which may be long after. The
 * rate is that of the last seconds, as many as a bucket has, so the last one seen in a bucket is very nearly its own.
 */
export function observe(seen, rate, { step_s, now_ms }) {
  const next = new Map([...seen].filter(([at_ms]) => at_ms > now_ms - WINDOW_MS - 60e3));
  return next.set(bucket(now_ms, step_s), rate);
}

/** Scores per second in every bucket of the window, zeros included; the last one is the open bucket with its live rate. */
export function rateSeries(points, seen, { step_s, now_ms }) {
  const step_ms = step_s * 1000, open = bucket(now_ms, step_s);
  const known = new Map([...seen, ...points.map((point) => [point.at_ms, point.scores / step_s])]);
  const x = [], y = [];
  for (let at = open - WINDOW_MS; at <= open; at += step_ms) { x.push(at + step_ms / 2); y.push(known.get(at) ?? 0); }
  return { x, y };
}

const SHORTEST_MS = 60e3;
/** How far back the race looks: to the first point of a young board, at least a minute, at most the whole window. */
export function raceWindow(points, { now_ms, window_ms = WINDOW_MS }) {
  return points.length ? Math.min(window_ms, Math.max(SHORTEST_MS, now_ms - points[0].at_ms)) : window_ms;
}

/**
 * One line per player of the current top ten: x in ms, y = place, ending now at the row's. A place is the rank unless
 * equal scores share one: then lines run beside each other, and `ranks` says the rank at each point.
 * Both hold until a bucket opens and have their new value when it closes.
 */
export function raceSeries(points, rows, { step_s, now_ms, window_ms }) {
  const step_ms = step_s * 1000, start = now_ms - raceWindow(points, { now_ms, window_ms });
  const shown = points.filter((point) => point.at_ms + step_ms < now_ms);
  const first = Math.max(0, shown.findLastIndex((point) => point.at_ms + step_ms <= start));
  const used = shown.slice(first);
  return rows.slice(0, 10).map(({ player, rank }, i) => {
    const x = [], y = [], ranks = [], place = i + 1;
    const put = (at, value, held) => { x.push(Math.max(start, at)); y.push(value); ranks.push(held); };
    used.forEach((point, n) => {
      if (n && point.at_ms > used[n - 1].at_ms + step_ms) put(point.at_ms, y.at(-1), ranks.at(-1));
      put(point.at_ms + step_ms, point.places.get(player) ?? OFF, point.ranks.get(player) ?? null);
    });
    if (!used.length) put(start, place, rank); // nothing happened all the while
    const open = bucket(now_ms - 1, step_s); // a past moment is the very end of a bucket
    if (open > x.at(-1)) put(open, y.at(-1), ranks.at(-1));
    put(now_ms, place, rank);
    return { player, rank, place, ...corners(x, y, ranks) };
  });
}

/** The same line with fewer points: those in the middle of a level stretch say nothing. */
function corners(x, y, ranks) {
  const keep = x.map((_, i) => i === 0 || i === x.length - 1 || [y, ranks].some((of) => of[i] !== of[i - 1] || of[i] !== of[i + 1]));
  return { x: x.filter((_, i) => keep[i]), y: y.filter((_, i) => keep[i]), ranks: ranks.filter((_, i) => keep[i]) };
}

/**
 * Since when this player leads, as far as the points tell: { at_ms, atLeast }; atLeast: it may well be longer. The
 * bucket that is still open is not among the points, so the newest one says nothing about a leader who is not its own.
 */
export function leadSince(points, player, step_s, now_ms) {
  let at_ms = now_ms;
  for (const point of [...points].reverse()) {
    const end = Math.min(now_ms, point.at_ms + step_s * 1000);
    if (point.ranks.get(player) !== 1) return { at_ms: at_ms === now_ms ? now_ms : end, atLeast: at_ms === now_ms };
    at_ms = end;
  }
  return { at_ms, atLeast: true };
}

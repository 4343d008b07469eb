import assert from "node:assert/strict";
import { test } from "node:test";
import { annotate, apply, neighbourhood, track } from "../../static/js/rows.js";
import { row, rows } from "./helpers.js";

const abc = rows(["a", 30], ["b", 20], ["c", 10]);
const part = (players, ...changed) => ({ full: false, players, rows: changed });

test("a full frame replaces the rows", () => {
  assert.deepEqual(apply(abc, { full: true, players: 1, rows: [row(1, "z", 9)] }, 10), [row(1, "z", 9)]);
});

test("a changed-rows frame writes each row at its rank", () => {
  const next = apply(abc, part(3, row(1, "b", 40), row(2, "a", 30)), 10);
  assert.deepEqual(next, [row(1, "b", 40), row(2, "a", 30), row(3, "c", 10)]);
  assert.deepEqual(abc[0], row(1, "a", 30), "the old rows stay as they were");
});

test("a row beyond players is gone", () => {
  assert.deepEqual(apply(abc, part(2, row(2, "c", 10)), 10).map((r) => r.player), ["a", "c"]);
  assert.deepEqual(apply(abc, part(0), 10), []);
});

test("a frame without rows changes only the number of players", () => {
  assert.deepEqual(apply(abc, part(900), 10), abc);
});

test("rows beyond the limit are somebody else's", () => {
  assert.deepEqual(apply(abc, part(50, row(40, "x", 1)), 3), abc);
});

test("a frame that would leave a hole is refused", () => {
  assert.equal(apply(abc, part(5, row(5, "e", 1)), 10), null);
  assert.equal(apply([], part(2, row(2, "b", 1)), 10), null);
});

test("changed rows rebuild the same board as full frames, whatever happens", () => {
  // Control: without cutting at `players` the rebuilt board differs.
  let seed = 7, naiveMisses = 0;
  const random = (n) => (seed = (seed * 48271) % 2147483647) % n;
  const scores = new Map(), top = () => [...scores].sort((x, y) => y[1] - x[1] || (x[0] < y[0] ? 1 : -1)).slice(0, 10).map(([p, s], i) => row(i + 1, p, s));
  let shown = [], naive = [], before = [];
  for (let step = 0; step < 2000; step++) {
    const player = `p${random(14)}`;
    random(4) ? scores.set(player, random(1000) - 500) : scores.delete(player);
    const now = top(), changed = now.filter((r, i) => before[i]?.player !== r.player || before[i]?.score !== r.score);
    shown = apply(shown, part(scores.size, ...changed), 10);
    naive = apply(naive, part(Infinity, ...changed), 10) ?? [];
    assert.deepEqual(shown, now);
    if (naive.length !== now.length) naiveMisses += 1;
    before = now;
  }
  assert.ok(naiveMisses > 0);
});

test("marks tell the last change and the latest move, which fades after 20 s", () => {
  const first = track(new Map(), abc, 0), later = rows(["b", 45], ["a", 30], ["c", 10]);
  const marks = track(first, later, 1000);
  assert.deepEqual([...annotate(later, marks, 2000)].map((r) => [r.player, r.moved, r.last]), [["b", 1, 25], ["a", -1, 0], ["c", 0, 0]]);
  assert.deepEqual(annotate(later, marks, 22e3).map((r) => r.moved), [0, 0, 0]);
  assert.deepEqual(annotate(later, marks, 22e3).map((r) => r.last), [25, 0, 0]);
  assert.deepEqual(annotate(later, marks, 22e3).map((r) => r.gap), [null, 15, 20]);
});

test("who leaves and comes back starts with a clean mark", () => {
  const gone = track(track(new Map(), abc, 0), abc.slice(0, 2), 0);
  assert.equal(track(gone, [...abc.slice(0, 2), row(3, "c", 15)], 0).get("c").last, 0);
});

test("what only fades is no change, and leaves the last one standing", () => {
  const lasts = (fades) => [40, 39].reduce((marks, score) => track(marks, rows(["a", score]), 0, fades), track(new Map(), rows(["a", 30]), 0)).get("a").last;
  assert.deepEqual([lasts(true), lasts(false)], [10, -1]);
});

test("the neighbourhood keeps its size at both ends of the board", () => {
  const long = rows(...Array.from({ length: 30 }, (_, i) => [`p${i}`, -i]));
  const ranks = (player) => neighbourhood(long, player, 11).map((r) => r.rank);
  assert.deepEqual([ranks("p0")[0], ranks("p0").at(-1)], [1, 11]);
  assert.deepEqual([ranks("p15")[0], ranks("p15").at(-1)], [11, 21]);
  assert.deepEqual([ranks("p29")[0], ranks("p29").at(-1)], [20, 30]);
  assert.equal(neighbourhood(abc, "b", 11).length, 3);
});

const level = [row(1, "a", 30), row(2, "b", 20), row(2, "c", 20), row(4, "d", 5)];

test("rows that share a rank keep their places", () => {
  const full = (players, rows) => ({ full: true, players, rows });
  assert.deepEqual(apply([], full(4, level), 10), level);
  assert.deepEqual(apply([], full(40, level), 3), level.slice(0, 3));
  const apart = [level[0], level[1], row(3, "c", 19), level[3]];
  assert.deepEqual(apply(level, part(4, apart[2]), 10), apart, "ranks that repeat no longer are places again");
});

test("the gap of rows that share a rank is that to the next better rank", () => {
  assert.deepEqual(annotate(level, new Map(), 0).map((r) => r.gap), [null, 10, 10, 15]);
});

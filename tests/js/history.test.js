import assert from "node:assert/strict";
import { test } from "node:test";
import { WINDOW_MS, extend, leadSince, observe, raceSeries, rateSeries } from "../../static/js/history.js";
import { rows } from "./helpers.js";

const NOW = Date.UTC(2026, 10, 22, 12, 0, 2), STEP = { step_s: 5, now_ms: NOW };
const BUCKET = Date.UTC(2026, 10, 22, 11, 59, 0);
const point = (at_ms, scores, ...names) => ({ at: new Date(at_ms).toISOString(), scores, rows: rows(...names.map((n) => [n, 0])) });

test("points are kept in order, once per bucket, and only while the charts show them", () => {
  const points = extend(extend([], [point(BUCKET + 5000, 1, "a"), point(NOW - 2 * WINDOW_MS, 1, "a")], NOW), [point(BUCKET, 3, "b"), point(BUCKET + 5000, 7, "b")], NOW);
  assert.deepEqual(points.map((p) => [p.at_ms, p.scores]), [[BUCKET, 3], [BUCKET + 5000, 7]]);
});

test("the rate has a bar for every bucket of the window; a silent bucket is a zero", () => {
  const { x, y } = rateSeries(extend([], [point(BUCKET, 50, "a")], NOW), observe(new Map(), 4, STEP), STEP);
  assert.equal(x.length, 61);
  assert.deepEqual(y.filter((v) => v), [10, 4]);
  assert.equal(x[y.indexOf(10)], BUCKET + 2500);
  assert.equal(new Set(x.map((v, i) => v - (x[i - 1] ?? v - 5000))).size, 1, "evenly spaced");
});

test("a bucket whose point is still to come shows the last rate seen in it", () => {
  let seen = new Map();
  for (const [ago_s, rate] of [[9, 1], [8, 3], [4, 2]]) seen = observe(seen, rate, { step_s: 5, now_ms: NOW - ago_s * 1000 });
  const bars = (points) => rateSeries(points, seen, STEP).y.slice(-3);
  assert.deepEqual(bars([]), [3, 2, 0]);
  assert.deepEqual(bars(extend([], [point(BUCKET + 50e3, 15, "a")], NOW)), [3, 2, 0]);
  assert.deepEqual(bars(extend([], [point(BUCKET + 55e3, 15, "a")], NOW)), [3, 3, 0], "the point is right where both are known");
});

test("every line of the race ends now at the rank of its row", () => {
  const points = extend([], [point(BUCKET, 2, "a", "b"), point(BUCKET + 20e3, 2, "b", "a")], NOW);
  const lines = raceSeries(points, rows(["a", 3], ["b", 2], ["new", 1]), STEP);
  for (const line of lines) assert.deepEqual([line.x.at(-1), line.y.at(-1)], [NOW, line.rank]);
  assert.deepEqual(lines[0].y, [1, 1, 2, 2, 1], "held until the bucket opens, changed when it closes");
  assert.deepEqual(lines[2].y, [11.5, 11.5, 3], "outside the top ten it runs below the last lane");
  assert.ok(lines.every((line) => line.x.every((v, i) => !i || v >= line.x[i - 1])), "time runs forward");
});

test("a board on which nothing happened is ten level lines", () => {
  const [line] = raceSeries([], rows(["a", 3]), STEP);
  assert.deepEqual(line.y, [1, 1]);
  assert.equal(line.x[0], NOW - WINDOW_MS);
});

test("points older than the window only say where the lines enter it", () => {
  const points = extend([], [point(NOW - WINDOW_MS - 30e3, 1, "a", "b"), point(BUCKET, 1, "b", "a")], NOW);
  const [line] = raceSeries(points, rows(["b", 2], ["a", 1]), STEP);
  assert.equal(line.x[0], NOW - WINDOW_MS);
  assert.deepEqual(line.y, [2, 2, 1, 1], "level until the bucket opens, then changed");
});

test("the lead began when the last other leader was gone, or at least as long ago as we know", () => {
  const points = extend([], [point(BUCKET, 1, "a"), point(BUCKET + 5000, 1, "b"), point(BUCKET + 30e3, 1, "b")], NOW);
  assert.deepEqual(leadSince(points, "b", 5, NOW), { at_ms: BUCKET + 5000, atLeast: false });
  assert.deepEqual(leadSince(points.slice(1), "b", 5, NOW), { at_ms: BUCKET + 10e3, atLeast: true });
  assert.deepEqual(leadSince(points, "c", 5, NOW), { at_ms: NOW, atLeast: true }, "came after the last point, we know not when");
  assert.deepEqual(leadSince([], "b", 5, NOW), { at_ms: NOW, atLeast: true });
});

test("lines that share a rank run beside each other and say the rank", () => {
  const tied = [{ player: "a", rank: 1 }, { player: "b", rank: 2 }, { player: "c", rank: 2 }];
  const before = { at: new Date(BUCKET).toISOString(), scores: 1, rows: [{ player: "a", rank: 1 }, { player: "b", rank: 2 }, { player: "c", rank: 3 }] };
  const lines = raceSeries(extend([], [before], NOW), tied, STEP);
  assert.deepEqual(lines.map((line) => [line.place, line.rank, line.y.at(-1), line.ranks.at(-1)]), [[1, 1, 1, 1], [2, 2, 2, 2], [3, 2, 3, 2]]);
  assert.deepEqual(lines[2].ranks, [3, 3, 2], "the rank changes where the line is level");
});

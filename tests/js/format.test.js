import assert from "node:assert/strict";
import { test } from "node:test";
import * as f from "../../static/js/format.js";

test("the largest scores are written in full, with a sign and nothing lost", () => {
  const digits = (value) => f.count(value).replace(/\D/g, "");
  assert.equal(digits(2 ** 53 - 1), "9007199254740991");
  assert.equal(digits(-(2 ** 53 - 1)), "9007199254740991");
  assert.match(f.count(-5), /[-−]/);
});

test("narrow columns shorten from a million on", () => {
  assert.ok(f.brief(9e15).length < 12);
  assert.equal(f.brief(999), "999");
});

test("spans of time", () => {
  assert.deepEqual([0, 59.9, 162, 3600, 130329, 86400 * 12.2].map(f.span), ["0:00", "0:59", "2:42", "1:00:00", "36:12:09", "12 d 4 h"]);
});

test("periods end where the UTC calendar says", () => {
  const sunday = Date.UTC(2026, 10, 22, 23, 59, 59), monday = Date.UTC(2026, 10, 23);
  assert.equal(f.periodEnd("week", sunday), monday);
  assert.equal(f.periodEnd("week", monday), Date.UTC(2026, 10, 30));
  assert.equal(f.periodEnd("day", sunday), monday);
  assert.equal(f.periodEnd("month", Date.UTC(2026, 11, 31)), Date.UTC(2027, 0, 1));
  assert.equal(f.periodEnd("hour", sunday), monday);
  assert.equal(f.periodEnd("all", sunday), null);
});

test("a season ends when its board says", () => {
  const settings = { season_ends: "2026-11-30T23:00:00.000Z" }, end = Date.UTC(2026, 10, 30, 23);
  assert.equal(f.periodEnd("season", end - 1, settings), end);
  assert.equal(f.periodEnd("season", end, settings), null, "it has ended, and the next one is not known yet");
  assert.equal(f.periodEnd("season", end - 1, {}), null, "one that is ended by hand");
});

test("tabs stand from long to short; a period of the board's own comes last", () => {
  assert.deepEqual(f.sortPeriods(["hour", "day", "season-3", "all", "season", "week", "month"]),
    ["all", "season", "month", "week", "day", "hour", "season-3"]);
  assert.equal(f.periodName("season-3"), "Season-3");
});

test("a share of players", () => {
  assert.match(f.share(35, 1000), /3[.,]5/);
  assert.match(f.share(7, 5), /100/, "a rank read after the count is never more than all");
});

test("ordinals", () => {
  assert.deepEqual([1, 2, 3, 4, 11, 12, 21, 112].map(f.ordinal), ["1st", "2nd", "3rd", "4th", "11th", "12th", "21st", "112th"]);
});

test("what a score means is said of merged and of fading boards too", () => {
  const boards = [{ board: "a" }, { board: "b" }];
  assert.equal(f.ruleSaid({ rule: "sum" }), "scores add up");
  assert.equal(f.ruleSaid({ rule: "sum", half_life_s: 60 }), "scores add up and fade");
  assert.equal(f.ruleSaid({ rule: "best", order: "asc", merge: { boards, aggregate: "sum" } }), "sum of 2 boards, lowest first");
});

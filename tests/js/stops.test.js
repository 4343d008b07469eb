import assert from "node:assert/strict";
import { test } from "node:test";
import { pointsOf, raceSeries } from "../../static/js/history.js";
import { raceSpan, stopAt, stopSaid, stopsOf } from "../../static/js/stops.js";

const at = (text) => Date.parse(text);
const NOW = at("2026-11-25T12:00:00Z");
const DAYS = [
  { period_id: "day:2026-11-23", from: "2026-11-23T00:00:00.000Z", to: "2026-11-24T00:00:00.000Z", moments: ["2026-11-23T10:00:00.000Z", "2026-11-23T11:00:00.000Z"] },
  { period_id: "day:2026-11-24", from: "2026-11-24T00:00:00.000Z", to: "2026-11-25T00:00:00.000Z", moments: [] },
  { period_id: "day:2026-11-25", from: "2026-11-25T00:00:00.000Z", to: "2026-11-26T00:00:00.000Z", moments: ["2026-11-25T11:00:00.000Z"] },
];
const year = (n) => ({ period_id: `season:${n}-01-01T00:00Z`, from: `${n}-01-01T00:00:00.000Z`, to: `${n + 1}-01-01T00:00:00.000Z`, moments: [] });

test("a period that is over ends with its final standings, the open one and all time have none", () => {
  const stops = stopsOf(DAYS, NOW);
  assert.deepEqual(stops.map((stop) => [new Date(stop.at_ms).toISOString().slice(5, 19), stop.final]), [
    ["11-23T10:00:00", false], ["11-23T11:00:00", false], ["11-23T23:59:59", true], ["11-24T23:59:59", true], ["11-25T11:00:00", false],
  ]);
  assert.deepEqual(stopsOf([{ period_id: "all", from: null, to: null, moments: ["2026-11-25T11:00:00.000Z"] }], NOW).map((stop) => stop.final), [false]);
});

test("an instant is shown by the last stop before it in its period, else by the next one", () => {
  const stops = stopsOf(DAYS, NOW), shows = (text) => stopAt(stops, at(text));
  assert.equal(shows("2020-01-01T00:00:00Z"), 0);
  assert.equal(shows("2026-11-23T10:59:59Z"), 0);
  assert.equal(shows("2026-11-23T11:00:00Z"), 1);
  assert.equal(shows("2026-11-23T23:59:59.999Z"), 2);
  assert.equal(shows("2026-11-24T00:00:00Z"), 3, "of a day without moments its final standings");
  assert.equal(shows("2026-11-25T01:00:00Z"), 4);
  assert.equal(shows("2026-11-25T11:30:00Z"), 4);
  const years = stopsOf([1973, 1974, 1975].map(year), NOW);
  for (const text of ["1974-01-01", "1974-07-07T16:00:00Z", "1974-12-31T23:59:59.999Z"]) assert.equal(stopAt(years, at(text)), 1, text);
  assert.equal(stopAt(years, NOW), 3, "behind the last one is now");
  stops.forEach((stop, i) => assert.equal(stopAt(stops, stop.at_ms), i, "each shows itself"));
});

test("stops are called by their time or their period", () => {
  const said = (stop, settings) => stopSaid(stop, NOW, settings).whole;
  const [year74] = stopsOf([year(1974)], NOW);
  assert.equal(said(year74), "1974, final standings");
  assert.equal(said(stopsOf(DAYS, NOW)[2]), "Nov 23, 2026, final standings");
  const berlin = { ...year74, period: { id: "season:1973-12-31T23:00Z", from_ms: at("1973-12-31T23:00Z"), to_ms: at("1974-12-31T23:00Z") } };
  assert.equal(said(berlin, { season: { zone: "Europe/Berlin" } }), "1974, final standings");
  assert.match(said(berlin), /^Dec 31, 1973.{1,3}Dec 31, 1974, final/);
  assert.match(said({ ...year74, period: { id: "season:1", from_ms: null, to_ms: at("1974-12-31T23:00Z") } }), /^until Dec 31, 1974, final/);
  assert.match(said({ ...year74, period: { id: "month:1974-07", from_ms: at("1974-07-01"), to_ms: at("1974-08-01") } }), /^July 1974, final/);
  assert.match(said({ at_ms: NOW - 100e3, final: false, period: { id: "all" } }), /^\d\d:\d\d:\d\d, 1:40 ago$/);
  assert.match(said({ at_ms: NOW - 9 * 86400e3, final: false, period: { id: "all" } }), /^Nov 16, 2026, .*, 9 d 0 h ago$/);
});

test("the race before a moment is drawn in the detail in which it is kept", () => {
  assert.deepEqual(raceSpan(NOW - 3600e3, NOW), { window_ms: 300e3, step_s: 5 });
  assert.deepEqual(raceSpan(NOW - 2 * 86400e3, NOW), { window_ms: 3600e3, step_s: 60 });
  const { window_ms, step_s } = raceSpan(NOW - 400 * 86400e3, NOW), end_ms = NOW - 400 * 86400e3;
  const point = (ago_h, ...players) => ({ at: new Date(end_ms - ago_h * 3600e3).toISOString(), scores: 1, rows: players.map((player, i) => ({ player, rank: i + 1, score: 9 - i })) });
  const rows = [{ player: "b", rank: 1 }, { player: "a", rank: 2 }];
  const [line] = raceSeries(pointsOf([point(50, "a", "b"), point(10, "b", "a")]), rows, { step_s, now_ms: end_ms, window_ms });
  assert.deepEqual([line.player, line.y[0], line.y.at(-1)], ["b", 2, 1]);
  assert.equal(line.x.at(-1), end_ms);
  assert.equal(end_ms - line.x[0], 49 * 3600e3);
});

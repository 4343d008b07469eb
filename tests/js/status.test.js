import assert from "node:assert/strict";
import { test } from "node:test";
import { wait_ms } from "../../static/js/backoff.js";
import { readMoment, readPlace, writePlace } from "../../static/js/place.js";
import { judge } from "../../static/js/status.js";

const good = { connected: true, lost_ms: 0, frame_ms: 10e3, shown: true, problem: null, leaving: false };
const state = (change, now_ms) => judge({ ...good, ...change }, now_ms);

test("live while frames or heartbeats come, stale after five seconds without", () => {
  assert.equal(state({}, 14e3), "live");
  assert.equal(state({}, 15e3), "stale");
});

test("a loss of less than a second is not news", () => {
  assert.equal(state({ connected: false, lost_ms: 10e3 }, 10.9e3), "live");
  assert.equal(state({ connected: false, lost_ms: 10e3 }, 11e3), "reconnecting");
  assert.equal(state({ connected: false, lost_ms: 10e3, shown: false }, 10.9e3), "loading");
});

test("a refusal is told while connected; without a connection that is the news", () => {
  const problem = { status: 503 };
  assert.equal(state({ problem }, 20e3), "error");
  assert.equal(state({ problem, connected: false, lost_ms: 10e3 }, 20e3), "reconnecting");
});

test("a planned restart is told apart from a breakdown, for a while", () => {
  assert.equal(state({ leaving: true }, 11e3), "leaving");
  assert.equal(state({ leaving: true, connected: false, lost_ms: 10e3 }, 12e3), "leaving");
  assert.equal(state({ leaving: true, connected: false, lost_ms: 10e3 }, 15e3), "reconnecting");
});

test("backoff is 1, 2, 4, 8, 15 s and stays there, within a fifth", () => {
  assert.deepEqual([0, 1, 2, 3, 4, 5, 99].map((n) => wait_ms(n, () => 0.5)), [1e3, 2e3, 4e3, 8e3, 15e3, 15e3, 15e3]);
  assert.deepEqual([wait_ms(4, () => 0), wait_ms(4, () => 1)], [12e3, 18e3]);
});

test("a place survives the way through the address, whatever the names", () => {
  for (const player of ["ada", "a&b=c?d#e/f", "Ελένη Κ.", "<img src=x>", "100%", "👩‍🚀", "+ +"]) {
    const place = { board: "goals:2026", period: "week", player };
    assert.deepEqual(readPlace(writePlace(place)), place);
  }
  assert.deepEqual(readPlace(""), { board: null, period: null, player: null });
  const place = { board: "b", period: "all", player: null }, at_ms = Date.UTC(1974, 6, 7, 16);
  assert.equal(readMoment(writePlace(place, at_ms)), at_ms);
  assert.deepEqual(readPlace(writePlace(place, at_ms)), place);
  for (const none of [writePlace(place), "", "?at=", "?at=then"]) assert.equal(readMoment(none), null);
});

// The rewinder on a real store; answers come when a test lets them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Rewinder } from "../../static/js/rewinder.js";
import { Store } from "../../static/js/store.js";

const START = Date.parse("2026-11-25T12:00:00Z");
const PERIODS = [{ period_id: "all", from: null, to: null, moments: [0, 1, 2].map((n) => new Date(START + n * 5000).toISOString()) }];
const row = (player, score) => ({ rank: 1, player, score });
const players = (store) => store.rows.map(({ player }) => player);
const settle = () => new Promise((next) => setImmediate(next));

/** A page that shows `live`, with its stops listed; `answers` are those asked for, each with let(player). */
async function page({ listed = true } = {}) {
  const store = new Store(), answers = [];
  const api = {
    listings: 0,
    moments: async () => { api.listings += 1; return PERIODS; },
    stood: (board, period, stop) => new Promise((resolve, reject) => {
      answers.push({ board, at: (stop.at_ms - START) / 5000, let: (player) => { resolve({ players: 1, rows: [row(player, 5)] }); return settle(); }, refuse: () => { reject(new Error("503")); return settle(); } });
    }),
    history: async () => [],
  };
  const rewinder = new Rewinder(store, api);
  store.go({ board: "b", period: "all" });
  store.snapshot({ players: 1, rows: [row("live", 9)] });
  if (listed) await rewinder.list();
  return { store, api, rewinder, answers };
}

test("stops that are passed while an answer is on its way are left out, and the last one is shown", async () => {
  const { store, rewinder, answers } = await page();
  for (const at of [0, 1, 2]) rewinder.go(at);
  assert.deepEqual(players(store), ["live"], "until it is there what was shown stays");
  await answers[0].let("first");
  assert.deepEqual(answers.map(({ at }) => at), [0, 2]);
  assert.deepEqual(players(store), ["live"]);
  await answers[1].let("last");
  assert.deepEqual(players(store), ["last"]);
  assert.equal(store.shown_ms, START + 10e3);
  rewinder.go(0);
  await settle();
  assert.deepEqual([players(store), answers.length], [["first"], 2], "what was answered is not asked again");
});

test("who goes live, or to another board, does not see an answer that was on its way", async () => {
  const { store, rewinder, answers } = await page();
  rewinder.go(0);
  rewinder.live();
  await answers[0].let("late");
  assert.deepEqual([players(store), store.past, store.slider.at], [["live"], null, null]);
  rewinder.go(1);
  store.go({ board: "other" });
  store.snapshot({ players: 1, rows: [row("there", 1)] });
  await answers[1].let("late");
  assert.deepEqual([players(store), store.past, store.slider.stops], [["there"], null, null]);
  await rewinder.list();
  rewinder.go(2);
  await answers[2].let("then");
  assert.deepEqual([players(store), answers[2].board], [["then"], "other"]);
});

test("live frames change nothing of the past, and are all there afterwards", async () => {
  const { store, rewinder, answers } = await page();
  rewinder.go(1);
  await answers[0].let("then");
  let told = 0;
  store.addEventListener("rows", () => { told += 1; });
  assert.equal(store.frame({ full: true, players: 2, rows: [row("new", 20), { rank: 2, player: "live", score: 9 }] }), true);
  assert.equal(store.frame({ full: false, players: 2, rows: [row("new", 30)] }), true);
  assert.deepEqual([players(store), store.players, told], [["then"], 1, 0]);
  assert.equal(store.told[0].player, "new", "what happens is told all the same");
  rewinder.live();
  assert.deepEqual([store.rows[0].score, players(store), told], [30, ["new", "live"], 1]);
});

test("a refusal is told and the next stop is asked for; behind the last one is now", async () => {
  const { store, rewinder, answers } = await page();
  rewinder.go(0);
  await answers[0].refuse();
  assert.deepEqual([store.slider.failed, store.past, store.slider.at], [true, null, 0]);
  rewinder.go(1);
  await answers[1].let("then");
  assert.deepEqual([store.slider.failed, players(store)], [false, ["then"]]);
  rewinder.go(3);
  assert.deepEqual([players(store), store.slider.at], [["live"], null]);
});

test("stops are listed when somebody wants them, once, and a moment of an address is sought among them", async () => {
  const { store, api, rewinder, answers } = await page({ listed: false });
  assert.equal(api.listings, 0);
  await Promise.all([rewinder.list(), rewinder.list(), rewinder.seek(START + 7000)]);
  assert.equal(api.listings, 1);
  assert.deepEqual([store.slider.at, answers[0].at], [1, 1]);
});

// The tools' descriptions, their lines of the last minutes, and when a picture is called old.
import assert from "node:assert/strict";
import { test } from "node:test";
import { path } from "../../static/js/sparkline.js";
import { Toolbox, WINDOW_MS, isOld, lengthen } from "../../static/js/toolbox.js";
import { cache } from "../../static/js/tools/cache.js";
import { limits } from "../../static/js/tools/limits.js";
import { locks } from "../../static/js/tools/locks.js";
import { orders } from "../../static/js/tools/orders.js";
import { streams } from "../../static/js/tools/streams.js";

const NOW = 1_000_000_000;

test("a line has one point a second and ends with the window", () => {
  let line = [];
  for (let i = 0; i < 2000; i += 1) line = lengthen(line, { at_ms: NOW + i * 250, value: i });
  assert.equal(line.length, WINDOW_MS / 1000);
  assert.equal(line.at(-1).value, 1999);
});

test("a path spans the window, and a second without a value breaks it", () => {
  const points = [300, 200, 100, 0].map((ago, i) => ({ at_ms: NOW - ago * 1000, value: i === 1 ? null : i }));
  assert.equal(path(points, NOW), "M0.0,22.0M66.7,8.7L100.0,2.0");
  assert.equal(path([], NOW), "");
  assert.match(path([{ at_ms: NOW, value: 3 }], NOW), /,12\.0$/, "a steady value lies in the middle");
  assert.match(path([{ at_ms: NOW, value: 0 }], NOW), /,22\.0$/, "a steady nothing lies below");
});

test("a picture is old when it was refused or nothing came for five seconds, unless silence is no sign", () => {
  const entry = { tool: limits, heard_ms: NOW, refused: false };
  assert.ok(!isOld(entry, NOW + 4999));
  assert.ok(isOld(entry, NOW + 5000));
  assert.ok(isOld({ ...entry, refused: true }, NOW));
  assert.ok(!isOld({ ...entry, tool: orders }, NOW + 60e3));
});

test("a limit that is used up is told", () => {
  const one = { subject: "lab", policy: "score/minute", by: "key", limit: 5, used: 5, remaining: 0, reset_s: 11.2, refused_per_second: 2 };
  const state = { policies: [{}], subjects: [one], refused_per_second: 2 };
  assert.deepEqual(limits.word(state), { text: "1 at the limit", tone: "warn" });
  assert.deepEqual(limits.rows(state)[0], ["score lab", { text: "5/5", tone: "warn" }, "0 left", "0:12"]);
  assert.equal(limits.word({ ...state, subjects: [{ ...one, remaining: 1 }] }).tone, undefined, "control: one is left");
});

test("a cache nobody has read has no ratio", () => {
  assert.equal(cache.figure({ hit_ratio: null }), "–");
  assert.equal(cache.figure({ hit_ratio: 0.9641 }), "96.4%");
});

test("dead letters and waiters are told", () => {
  const stream = { stream: "payments-stream", lag: 0, pending: 0, dead: 1, groups: [] };
  assert.deepEqual(streams.word({ dead: 1, lag: 0, per_second: 0 }), { text: "1 dead", tone: "warn" });
  assert.deepEqual(streams.dead({ streams: [stream, { ...stream, dead: 0 }] }), [{ stream: "payments-stream", dead: 1 }]);
  assert.equal(locks.word({ locks: [{ held: true, waiters: 2 }] }).text, "2 waiting");
  assert.equal(locks.figure({ locks: [{ held: true }, { held: false }] }), "1");
});

test("orders keep a hundred messages, count the last minute, and say where some may be missing", () => {
  let state = orders.start(null);
  for (let i = 0; i < 120; i += 1) state = orders.take(state, { message: `#${i}`, at: new Date(NOW + i * 1000).toISOString() });
  assert.equal(state.told.length, 100);
  assert.equal(state.told[0].text, "#119");
  assert.equal(orders.figure(state), "60");
  assert.equal(orders.figure(orders.tick(state, NOW + 240e3)), "0");
  const gap = orders.gap(state, "some are missing", NOW + 120e3);
  assert.deepEqual(orders.rows(gap)[0][0], { text: "some are missing", tone: "warn" });
  assert.equal(orders.word(gap).text, "gap");
  assert.equal(orders.word(state).text, "pub/sub", "control");
});

test("after a lost connection the messages have a gap, the panels none", () => {
  const box = new Toolbox(), on = {};
  box.watch({ watch: (topic, _, callbacks) => { on[topic] = callbacks; } });
  const told = () => box.entries.find(({ tool }) => tool === orders).state.told.length;
  on["channel:orders"].snapshot({ channel: "orders", viewers: 1 });
  on["channel:orders"].snapshot({ channel: "orders", viewers: 1 });
  assert.equal(told(), 0, "control: asked again without a loss");
  box.lose();
  on["channel:orders"].snapshot({ channel: "orders", viewers: 1 });
  assert.equal(told(), 1);
  on.locks.snapshot({ locks: [] });
  assert.deepEqual(box.entries.find(({ tool }) => tool === locks).state, { locks: [] });
});

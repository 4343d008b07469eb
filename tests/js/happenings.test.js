import assert from "node:assert/strict";
import { test } from "node:test";
import { derive, tell } from "../../static/js/happenings.js";
import { rows } from "./helpers.js";

const sum = { rule: "sum", at: 1 };
const said = (list) => list.map((item) => [item.kind, item.player, item.verb, item.other].filter(Boolean).join(" "));

test("an overtake names the one who was passed", () => {
  assert.deepEqual(said(derive(rows(["a", 9], ["b", 8], ["c", 7]), rows(["a", 9], ["c", 8.5], ["b", 8]), sum)), ["up c passes b"]);
  assert.deepEqual(said(derive(rows(["a", 9], ["b", 8]), rows(["b", 10], ["a", 9]), sum)), ["up b takes the lead from a"]);
});

test("moving up because somebody left is not an overtake", () => {
  assert.deepEqual(derive(rows(["a", 9], ["b", 8], ["c", 7]), rows(["b", 8], ["c", 7]), sum), []);
});

test("a newcomer is told, and so is the first score of a board", () => {
  assert.deepEqual(said(derive([], rows(["a", 1], ["b", 0]), sum)), ["new a opens the board"]);
  assert.deepEqual(said(derive(rows(["a", 1]), rows(["a", 1], ["b", 0]), sum)), ["new b joins the board"]);
  const ten = Array.from({ length: 10 }, (_, i) => [`p${i}`, 100 - i]);
  assert.deepEqual(said(derive(rows(...ten), rows(...ten.slice(0, 9), ["z", 95]), sum)), ["new z enters the top 10"]);
});

test("a better best is a record, a removed leader leaves none", () => {
  const best = { rule: "best", at: 1 };
  assert.deepEqual(said(derive(rows(["a", 9], ["b", 8]), rows(["a", 12], ["b", 8]), best)), ["record a sets a new best"]);
  assert.deepEqual(said(derive(rows(["a", 9], ["b", 8]), rows(["b", 8]), best)), []);
  assert.deepEqual(said(derive(rows(["a", 50], ["b", 60]), rows(["b", 40], ["a", 50]), { ...best, order: "asc" })), ["record b sets a new best"]);
});

test("the same player again within a moment replaces the older line; the list stays short", () => {
  const item = (player, at) => ({ player, at, kind: "up" });
  assert.deepEqual(tell([item("a", 0)], [item("a", 2000)]), [item("a", 2000)]);
  assert.equal(tell([item("a", 0)], [item("a", 4000)]).length, 2);
  assert.equal(tell([], Array.from({ length: 50 }, (_, i) => item(`p${i}`, 0))).length, 12);
});

test("who reaches somebody's rank has passed nobody on it", () => {
  const list = (...rows) => rows.map(([rank, player, score]) => ({ rank, player, score }));
  const before = list([1, "a", 9], [2, "b", 8], [3, "c", 7], [4, "d", 6]);
  assert.deepEqual(said(derive(before, list([1, "a", 9], [2, "b", 8], [2, "c", 8], [4, "d", 6]), sum)), ["up c draws level with b"]);
  assert.deepEqual(said(derive(before, list([1, "a", 9], [1, "c", 9], [3, "b", 8], [4, "d", 6]), sum)), ["up c draws level with a"]);
  const tied = list([1, "a", 9], [2, "b", 8], [2, "c", 8], [4, "d", 7]);
  assert.deepEqual(said(derive(tied, list([1, "a", 9], [2, "d", 8.5], [3, "b", 8], [3, "c", 8]), sum)), ["up d passes b"]);
});

test("a sum of other boards sets no records", () => {
  const found = (settings) => said(derive(rows(["a", 9], ["b", 8]), rows(["a", 10], ["b", 8]), { rule: "best", at: 1, ...settings }));
  assert.deepEqual(found({}), ["record a sets a new best"]);
  assert.deepEqual(found({ merge: { boards: [], aggregate: "sum" } }), []);
});

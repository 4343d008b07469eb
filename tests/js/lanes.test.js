import assert from "node:assert/strict";
import { test } from "node:test";
import { assign } from "../../static/js/lanes.js";

const names = (from, to) => Array.from({ length: to - from }, (_, i) => `p${from + i}`);

test("ten players own ten different lanes", () => {
  assert.equal(new Set(assign(new Map(), names(0, 30)).values()).size, 10);
});

test("a lane is kept through any change of rank while its player stays in the top ten", () => {
  const held = assign(new Map(), names(0, 10));
  assert.deepEqual(new Map([...assign(held, names(0, 10).reverse())].sort()), new Map([...held].sort()));
});

test("a newcomer takes the lane that became free", () => {
  const held = assign(new Map(), names(0, 10));
  const next = assign(held, ["new", ...names(0, 9)]);
  assert.equal(next.get("new"), held.get("p9"));
  assert.equal(next.has("p9"), false);
  assert.equal(next.get("p0"), held.get("p0"));
});

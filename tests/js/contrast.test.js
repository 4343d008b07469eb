// The WCAG contrast of every text and mark colour in css/tokens.css, in both themes.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const css = readFileSync(new URL("../../static/css/tokens.css", import.meta.url), "utf8");

function luminance(hex) {
  const [r, g, b] = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function ratio(a, b) {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

const tokens = new Map();
for (const [, name, light, dark] of css.matchAll(/--([\w-]+):\s*light-dark\((#\w{6}), (#\w{6})\)/g)) tokens.set(name, [light, dark]);
for (const [, name, both] of css.matchAll(/--([\w-]+):\s*(#\w{6});/g)) tokens.set(name, [both, both]);

const on = (fronts, backs) => fronts.flatMap((front) => backs.map((back) => [front, back]));
const TEXT = [
  ...on(["ink", "ink-2", "ink-3"], ["paper", "surface", "sunken", "you-wash"]),
  ...on(["you", "up", "down", "live", "warn", "bad", "record"], ["paper", "surface"]),
  ["you", "you-wash"], ["up", "up-wash"], ["down", "down-wash"], ["warn", "warn-wash"], ["bad", "bad-wash"],
  ...on(["ink", "ink-2"], ["up-wash", "down-wash", "warn-wash", "bad-wash"]),
  ["surface", "ink"], ["surface", "you"], ...on(["plate-ink", "plate-ink-2", "gold"], ["plate"]),
];
const MARKS = [...on(["edge"], ["paper", "surface", "sunken"]), ...on(Array.from({ length: 10 }, (_, i) => `lane-${i}`), ["surface"])];

for (const [what, pairs, wanted] of [["text", TEXT, 4.5], ["marks", MARKS, 3]]) {
  test(`${what} have a contrast of ${wanted}:1 or more in both themes`, () => {
    for (const [front, back] of pairs) [0, 1].forEach((theme) => {
      const got = ratio(tokens.get(front)[theme], tokens.get(back)[theme]);
      assert.ok(got >= wanted, `${front} on ${back}, ${theme ? "dark" : "light"}: ${got.toFixed(2)}`);
    });
  });
}

test("control: the check sees a pale grey", () => assert.ok(ratio("#aaaaaa", "#ffffff") < 4.5));

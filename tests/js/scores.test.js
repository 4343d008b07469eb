import assert from "node:assert/strict";
import { test } from "node:test";
import { scoreWriter } from "../../static/js/scores.js";

const MOST = 2 ** 53 - 1;
const TIME = { kind: "time", from: "ms" }, SECONDS = { kind: "time", from: "s" }, EUROS = { kind: "money", currency: "EUR", decimals: 2 };
const full = (format, ...scores) => scores.map(scoreWriter(format).full);
const brief = (format, ...scores) => scores.map(scoreWriter(format).brief);

test("points are plain numbers, and so is a format that this page does not know", () => {
  assert.deepEqual(full(undefined, 1234, -5, 0, MOST), ["1,234", "-5", "0", "9,007,199,254,740,991"]);
  assert.deepEqual(full({ kind: "stars" }, 1234), ["1,234"]);
  assert.deepEqual([5, -5, 0, 2e6].map(scoreWriter().signed), ["+5", "−5", "±0", "+2M"]);
  assert.deepEqual(scoreWriter().axis(0, 100), {}, "the chart's own ticks");
});

test("a time in milliseconds", () => {
  assert.deepEqual(full(TIME, 0, 1, 999, 61250, 59999, 60000), ["0:00.000", "0:00.001", "0:00.999", "1:01.250", "0:59.999", "1:00.000"]);
  assert.deepEqual(full(TIME, 3599999, 3600000, 3723004), ["59:59.999", "1:00:00.000", "1:02:03.004"]);
  assert.deepEqual(full(TIME, -1250, -3600000), ["-0:01.250", "-1:00:00.000"]);
  assert.deepEqual(full(TIME, 59999.9), ["0:59.999"], "what other programs write is cut, so that no minute has 60 seconds");
  assert.deepEqual(full(TIME, MOST, MOST - 1), ["2501999792:59:00.991", "2501999792:59:00.990"]);
  assert.deepEqual(brief(TIME, 61250, 3723004, MOST), ["1:01.250", "1:02:03", "2.5B h"]);
  assert.deepEqual([1250, -1250].map(scoreWriter(TIME).signed), ["+0:01.250", "−0:01.250"]);
});

test("a time in seconds", () => {
  assert.deepEqual(full(SECONDS, 0, 59, 61, 3600, 90061, -61), ["0:00", "0:59", "1:01", "1:00:00", "25:01:01", "-1:01"]);
  assert.deepEqual(full(SECONDS, 61.25), ["1:01.25"]);
  assert.deepEqual(full(SECONDS, MOST), ["2501999792983:36:31"]);
});

test("money, to the last of sixteen figures", () => {
  assert.deepEqual(full(EUROS, 1234, 0, 5, -5, -123456), ["€12.34", "€0.00", "€0.05", "-€0.05", "-€1,234.56"]);
  assert.deepEqual(full(EUROS, MOST, MOST - 1), ["€90,071,992,547,409.91", "€90,071,992,547,409.90"]);
  assert.deepEqual(full({ ...EUROS, currency: "JPY", decimals: 0 }, 1234, -7), ["¥1,234", "-¥7"]);
  assert.deepEqual(full({ ...EUROS, currency: "KWD", decimals: 3 }, 1234).map((s) => s.replace(/\s/, " ")), ["KWD 1.234"]);
  assert.deepEqual(full(EUROS, 12.5, 1e300).map((s) => s.slice(0, 5)), ["€0.13", "€10,0"], "what other programs write");
  assert.deepEqual(brief(EUROS, 999999, 1234567, 123456789), ["€9,999.99", "€12,346", "€1.2M"]);
  assert.deepEqual([150, -150].map(scoreWriter(EUROS).signed), ["+€1.50", "−€1.50"]);
});

test("ticks of an axis stand at round figures, five at most, and never twice the same", () => {
  assert.deepEqual(scoreWriter(TIME).axis(55e3, 170e3), { tickvals: [60e3, 90e3, 120e3, 150e3], ticktext: ["1:00", "1:30", "2:00", "2:30"] });
  assert.deepEqual(scoreWriter(TIME).axis(1000, 1700).ticktext, ["0:01.000", "0:01.200", "0:01.400", "0:01.600"]);
  assert.deepEqual(scoreWriter(EUROS).axis(-1e5, 3e5).ticktext, ["-€1,000", "€0", "€1,000", "€2,000", "€3,000"]);
  for (const format of [TIME, SECONDS, EUROS])
    for (const [from, to] of [[0, 1], [-3, 4], [0, 999], [61e3, 3e6], [-5e7, 1e9], [0, MOST], [-MOST, MOST]]) {
      const { tickvals, ticktext } = scoreWriter(format).axis(from, to);
      assert.ok(tickvals.length >= 1 && tickvals.length <= 5, `${format.kind} ${from} to ${to}: ${tickvals}`);
      assert.equal(new Set(ticktext).size, ticktext.length, ticktext.join());
    }
});

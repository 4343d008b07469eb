// The order of the modules is part of the design: main -> feed, api, follow, views -> store -> nouns -> format, dom.
// A module imports only from storeys below its own.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

const ROOT = new URL("../../static/js/", import.meta.url);
const BOTTOM = ["format.js", "dom.js", "remember.js"];
const MIDDLE = ["feed.js", "api.js", "follow.js", "rewinder.js"];
const LOOSE = ["early.js"]; // a classic script, before everything

function storey(file) {
  if (file === "main.js") return 4;
  if (MIDDLE.includes(file) || file.startsWith("views/")) return 3;
  if (file === "store.js") return 2;
  return BOTTOM.includes(file) ? 0 : 1;
}
const files = readdirSync(ROOT, { recursive: true }).filter((f) => f.endsWith(".js") && !LOOSE.includes(f));
const imports = (file) => [...readFileSync(new URL(file, ROOT), "utf8").matchAll(/^(?:import|export)\b[^;]*?from "(.+?)"/gm)]
  .map(([, to]) => new URL(to, new URL(file, ROOT)).href)
  .filter((href) => href.startsWith(ROOT.href)).map((href) => href.slice(ROOT.href.length));

function misses(graph) {
  return Object.entries(graph).flatMap(([file, to]) => to.filter((t) => {
    const [from, below] = [storey(file), storey(t)];
    const nouns = from === 1 && below === 1; // nouns may lean on nouns, but not in a circle: see below
    return below >= from && !nouns;
  }).map((t) => `${file} -> ${t}`));
}
const graph = Object.fromEntries(files.map((file) => [file, imports(file)]));

test("no module imports its own storey or a higher one", () => {
  assert.deepEqual(misses(graph), []);
  assert.deepEqual(misses({ "store.js": ["feed.js"] }), ["store.js -> feed.js"], "control: the check sees a miss");
});

test("no circles", () => {
  const seen = new Set();
  const walk = (file, path) => {
    assert.ok(!path.includes(file), `circle: ${[...path, file].join(" -> ")}`);
    if (seen.has(file)) return;
    for (const to of graph[file]) walk(to, [...path, file]);
    seen.add(file);
  };
  for (const file of files) walk(file, []);
});

test("small files, no markup from strings, no inline code", () => {
  for (const file of files) {
    const source = readFileSync(new URL(file, ROOT), "utf8");
    assert.ok(source.split("\n").length <= 250, `${file} is long`);
    assert.doesNotMatch(source, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(/, file);
  }
});

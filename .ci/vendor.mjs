// Copies what the page needs from node_modules/ to static/vendor/, so that the server serves every file itself.
// Owns: which files those are, their licences, and versions.json, which says what lies there. `npm ci` runs it.
// Leaves to others: which versions (package.json) and fetching them (npm).
import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const TARGET = join(ROOT, "static", "vendor");

// name in static/vendor/ : [package, path inside it]. The typeface's wdth files hold both axes, width and weight.
const FILES = {
  "socket.io.esm.min.js": ["socket.io-client", "dist/socket.io.esm.min.js"],
  "plotly-basic.min.js": ["plotly.js-basic-dist-min", "plotly-basic.min.js"],
  "archivo.woff2": ["@fontsource-variable/archivo", "files/archivo-latin-wdth-normal.woff2"],
  "archivo-ext.woff2": ["@fontsource-variable/archivo", "files/archivo-latin-ext-wdth-normal.woff2"],
  "archivo.LICENSE": ["@fontsource-variable/archivo", "LICENSE"],
  "plotly-basic.LICENSE": ["plotly.js-basic-dist-min", "LICENSE"],
  "socket.io.LICENSE": ["socket.io-client", "LICENSE"],
  // these are inside socket.io.esm.min.js too
  "socket.io-parser.LICENSE": ["socket.io-parser", "LICENSE"],
  "engine.io-client.LICENSE": ["engine.io-client", "LICENSE"],
  "engine.io-parser.LICENSE": ["engine.io-parser", "LICENSE"],
  "component-emitter.LICENSE": ["@socket.io/component-emitter", "LICENSE"],
};

const readJson = async (...path) => JSON.parse(await readFile(join(ROOT, ...path), "utf8"));

try {
  const { dependencies: pins } = await readJson("package.json");
  await mkdir(TARGET, { recursive: true });
  const files = {};
  for (const [name, [from, path]] of Object.entries(FILES)) {
    const { version } = await readJson("node_modules", from, "package.json");
    if (from in pins && pins[from] !== version) {
      throw new Error(`${from} is installed as ${version}, package.json wants ${pins[from]}`);
    }
    const bytes = await readFile(join(ROOT, "node_modules", from, path));
    await writeFile(join(TARGET, name), bytes);
    files[name] = { package: from, version, sha256: createHash("sha256").update(bytes).digest("hex") };
  }
  await writeFile(join(TARGET, "versions.json"), `${JSON.stringify({ files }, null, 2)}\n`);
  for (const name of await readdir(TARGET)) {
    if (!(name in FILES) && name !== "versions.json") await rm(join(TARGET, name), { recursive: true });
  }
} catch (error) {
  console.error(`static/vendor is incomplete: ${error.message}. Run npm ci.`);
  process.exitCode = 1;
}

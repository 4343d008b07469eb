// The tools of the toolbox as they are now: state, the line of the last minutes, and since when nothing was heard.
// What a tool says is its own description's business (tools/). Events: "change".
import { cache } from "./tools/cache.js";
import { limits } from "./tools/limits.js";
import { locks } from "./tools/locks.js";
import { orders } from "./tools/orders.js";
import { sessions } from "./tools/sessions.js";
import { streams } from "./tools/streams.js";

export const TOOLS = [limits, cache, streams, locks, sessions, orders];
export const WINDOW_MS = 300e3;
export const STEP_MS = 1000;
const SILENT_MS = 5000; // a panel beats once a second
const MISSED = "Connection lost; what was published meanwhile is not shown.";

/** The line with one more point, without what is too old; a second has one point. Pure. */
export function lengthen(line, point) {
  const kept = line.filter((old) => old.at_ms > point.at_ms - WINDOW_MS);
  if (kept.length && Math.floor(kept.at(-1).at_ms / STEP_MS) === Math.floor(point.at_ms / STEP_MS)) kept.pop();
  return [...kept, point];
}

/** Whether a tool's picture is old: refused, or silent for longer than a beat explains. Pure. */
export const isOld = ({ tool, heard_ms, refused }, now_ms) => refused || (!tool.quiet && heard_ms !== null && now_ms - heard_ms >= SILENT_MS);

export class Toolbox extends EventTarget {
  /** One of each tool: { tool, state, line, heard_ms, refused, lost }; state is null until the first answer. */
  entries = TOOLS.map((tool) => ({ tool, state: null, line: [], heard_ms: null, refused: false, lost: false }));

  /** Watch all on a feed; the browser's clock dates what is heard. */
  watch(feed) {
    for (const entry of this.entries)
      feed.watch(entry.tool.topic, {}, {
        snapshot: (snapshot) => this.#begin(entry, snapshot),
        frame: (frame) => this.#hear(entry, entry.tool.take ? entry.tool.take(entry.state, frame) : frame),
        problem: () => { entry.refused = true; entry.heard_ms ??= Date.now(); this.#tell(); },
      });
  }

  /** The connection is gone: of a feed of messages some may be missing after it. */
  lose() { for (const entry of this.entries) entry.lost = entry.state !== null; }

  /** The server says that messages of a topic may be missing here. */
  gap(topic, words) {
    const entry = this.entries.find(({ tool }) => tool.topic === topic);
    if (!entry?.tool.gap) return;
    entry.state = entry.tool.gap(entry.state, words, Date.now());
    this.#tell();
  }

  /** A second went by; by the server's clock it is `now_ms`, for what is dated there. */
  tick(now_ms) {
    for (const entry of this.entries) {
      if (!entry.tool.tick || !entry.state || entry.refused) continue;
      entry.state = entry.tool.tick(entry.state, now_ms);
      this.#point(entry);
    }
    this.#tell();
  }

  #begin(entry, snapshot) {
    const { tool } = entry;
    if (!entry.line.length && tool.past) entry.line = tool.past(snapshot);
    let state = tool.start ? tool.start(entry.state) : snapshot;
    if (entry.lost && tool.gap) state = tool.gap(state, MISSED, Date.now());
    entry.lost = false;
    this.#hear(entry, state);
  }

  #hear(entry, state) {
    Object.assign(entry, { state, heard_ms: Date.now(), refused: false });
    if (!entry.tool.tick) this.#point(entry);
    this.#tell();
  }

  #point(entry) { entry.line = lengthen(entry.line, { at_ms: Date.now(), value: entry.tool.value(entry.state) ?? null }); }
  #tell() { this.dispatchEvent(new Event("change")); }
}

// The channel `orders`, message by message: newest first, with a line where some may be missing.
import { clock, count } from "../format.js";

const KEPT = 100;
const MINUTE_MS = 60e3;
const NONE = { told: [], at_ms: 0 };
const recent = ({ told, at_ms }) => told.filter((line) => !line.gap && line.at_ms > at_ms - MINUTE_MS).length;
const shown = (line) => (line.gap ? { text: line.text, tone: "warn" } : { text: line.text, isolate: true });
const add = ({ told, at_ms }, line) => ({ told: [line, ...told].slice(0, KEPT), at_ms: Math.max(at_ms, line.at_ms) });

export const orders = {
  id: "orders", name: "Orders", topic: "channel:orders", unit: "per min",
  quiet: true, // only what is published comes: silence is no sign
  trial: `redis-cli PUBLISH orders "Order #5001 created"`,
  start: (state) => state ?? NONE,
  take: (state, frame) => add(state, { text: frame.message, at_ms: Date.parse(frame.at) }),
  gap: (state, text, at_ms) => add(state, { text, at_ms, gap: true }),
  /** A second went by. */
  tick: (state, at_ms) => ({ ...state, at_ms }),
  value: recent,
  figure: (state) => count(recent(state)),
  word: ({ told, at_ms }) => (told.some((line) => line.gap && line.at_ms > at_ms - 5 * MINUTE_MS) ? { text: "gap", tone: "warn" } : { text: told.length ? "pub/sub" : "idle" }),
  idle: () => "Waits for the first message",
  rows: ({ told }) => told.slice(0, 3).map((line) => [shown(line), clock(line.at_ms)]),
  tables: ({ told }) => [{
    title: `Last ${KEPT}`, head: ["Message", "At"], none: "Nothing was published since this page is open.", wrap: true,
    rows: told.map((line) => [shown(line), clock(line.at_ms)]),
  }],
};

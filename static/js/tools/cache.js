// The cache in front of the users' source: how much it saves, and what hit and miss cost.
import { count, ms, ratio, rate } from "../format.js";

const COUNTS = {
  hit: "Fresh from Redis", stale: "Stale, refreshed behind", miss: "Missed", spare: "Stale, the source was away", load: "Loads of the source",
  refresh: "Refreshed before their end", absent: "Known to be absent", unanswered: "Redis did not answer", failed: "The source failed",
};
const both = (of) => `${ms(of.p50)} / ${ms(of.p95)}`;

export const cache = {
  id: "cache", name: "Cache", topic: "cache", unit: "hits",
  trial: (origin) => `curl -i ${origin}/user/1`,
  value: (state) => state.hit_ratio,
  past: ({ points }) => points.map((point) => ({ at_ms: Date.parse(point.at), value: point.hit_ratio })),
  figure: ({ hit_ratio }) => (hit_ratio === null ? "–" : ratio(hit_ratio)),
  word({ reads, counts }) {
    if (counts.unanswered) return { text: "past Redis", tone: "warn" };
    if (counts.failed) return { text: "source failed", tone: "warn" };
    return { text: reads ? "ok" : "idle" };
  },
  rows: (state) => [["Hit, p95", ms(state.hit_ms.p95)], ["Miss, p95", ms(state.miss_ms.p95)], ["Loads", `${rate(state.loads_per_second)}/s`]],
  tables: (state) => [
    {
      title: "Latency, p50 / p95", head: ["", "Time"],
      rows: [["Hit", both(state.hit_ms)], ["Miss", both(state.miss_ms)], [`Load from the ${state.source}`, both(state.load_ms)]],
    },
    {
      title: `Last ${count(state.window_s)} s`, head: ["", "Number"],
      rows: [["Reads", count(state.reads)], ["Loads per second", rate(state.loads_per_second)],
        ...Object.entries(COUNTS).map(([name, said]) => [said, count(state.counts[name] ?? 0)])],
    },
  ],
};

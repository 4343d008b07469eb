// Streams and the workers behind them: what comes in, what is not done yet, what could not be done.
import { brief, count, rate, span } from "../format.js";

const groupsOf = (state) => state.streams.flatMap((stream) => stream.groups.map((group) => ({ stream: stream.stream, ...group })));
const seen = (idle_ms) => (idle_ms < 2000 ? "now" : `${span(Math.floor(idle_ms / 1000))} ago`);

export const streams = {
  id: "streams", name: "Streams", topic: "streams", unit: "entries/s",
  trial: "redis-cli XADD payments-stream '*' user 42 amount 99.00",
  value: (state) => state.per_second,
  figure: (state) => rate(state.per_second),
  word({ dead, lag, per_second }) {
    if (dead) return { text: `${count(dead)} dead`, tone: "warn" };
    return { text: lag ? `${brief(lag)} behind` : per_second ? "ok" : "idle" };
  },
  rows: (state) => state.streams.slice(0, 3).map((one) => [
    one.stream, `${brief(one.lag)} lag`, `${brief(one.pending)} open`, { text: `${brief(one.dead)} dead`, tone: one.dead ? "warn" : "" },
  ]),
  /** The streams that have dead letters, and how many: who shows the letters asks for them when this changes. */
  dead: (state) => state.streams.filter((one) => one.dead).map((one) => ({ stream: one.stream, dead: one.dead })),
  tables: (state) => [
    {
      title: "Streams", head: ["Stream", "Per s", "Lag", "Pending", "Dead"],
      rows: state.streams.map((one) => [
        { text: one.stream, note: `${count(one.length)} entries` }, rate(one.per_second), count(one.lag), count(one.pending), { text: count(one.dead), tone: one.dead ? "warn" : "" },
      ]),
    },
    {
      title: "Groups", head: ["Group", "Lag", "Pending", "Consumers"], none: "No group yet.",
      rows: groupsOf(state).map((group) => [{ text: group.group, note: group.stream }, count(group.lag), count(group.pending), count(group.consumers.length)]),
    },
    {
      title: "Consumers", head: ["Consumer", "Pending", "Last seen"], none: "No consumer yet.",
      rows: groupsOf(state).flatMap((group) => group.consumers.map((one) => [
        { text: one.consumer, note: `${group.group} of ${group.stream}` }, count(one.pending), seen(one.idle_ms),
      ])),
    },
  ],
};

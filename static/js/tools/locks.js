// Locks: who holds what, under which fence, and who waits.
import { count, span } from "../format.js";

const seconds = (value_ms) => span(Math.ceil(value_ms / 1000));
const waiting = ({ locks: all }) => all.reduce((sum, one) => sum + one.waiters, 0);
const held = ({ locks: all }) => all.filter((one) => one.held).length;

export const locks = {
  id: "locks", name: "Locks", topic: "locks", unit: "held",
  trial: (origin) => `curl -X POST ${origin}/api/v1/locks/report -H 'Content-Type: application/json' -d '{"ttl_ms": 30000}'`,
  value: held,
  figure: (state) => count(held(state)),
  word(state) {
    const wait = waiting(state);
    return { text: wait ? `${count(wait)} waiting` : held(state) ? "ok" : "idle" };
  },
  idle: () => "No lock is held",
  rows: ({ locks: all }) => all.slice(0, 3).map((one) => [
    one.name, one.waiters ? `${count(one.waiters)} waiting` : "", one.held ? seconds(one.ttl_ms) : "free",
  ]),
  tables: ({ locks: all }) => [{
    title: "Held or waited for", head: ["Lock", "Fence", "Left", "Waiters", "Contended"], none: "No lock is held.",
    rows: all.map((one) => [
      { text: one.name, note: one.held ? `${one.owner}, for ${seconds(one.held_ms)}` : "free" }, `#${one.fence}`, seconds(one.ttl_ms), count(one.waiters),
      `${count(one.contended)} of ${count(one.acquired)}`,
    ]),
  }],
};

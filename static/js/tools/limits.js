// Rate limits: who is near or at a limit, and what was refused.
import { brief, count, rate, span } from "../format.js";

const isFull = (one) => one.remaining === 0;

export const limits = {
  id: "limits", name: "Rate limits", topic: "limits", unit: "refused/s",
  trial: (origin) => `RATE_LIMITS="score:5/minute" .venv/bin/python run.py
for i in 1 2 3 4 5 6; do curl -si ${origin}/api/v1/boards/arena/scores -H 'Content-Type: application/json' -d '{"player": "ada", "score": 1}' | grep -iE '^(HTTP|ratelimit|retry)'; done`,
  value: (state) => state.refused_per_second,
  figure: (state) => rate(state.refused_per_second),
  word({ policies, subjects }) {
    if (!policies.length) return { text: "off" };
    const full = subjects.filter(isFull).length;
    return full ? { text: `${count(full)} at the limit`, tone: "warn" } : { text: subjects.length ? "ok" : "idle" };
  },
  idle: ({ policies }) => (policies.length ? "Nobody has used a limit yet" : "No limits are set (RATE_LIMITS)"),
  rows: ({ subjects }) => subjects.slice(0, 3).map((one) => [
    `${one.policy.split("/")[0]} ${one.subject}`, { text: `${brief(one.used)}/${brief(one.limit)}`, tone: isFull(one) ? "warn" : "" }, `${brief(one.remaining)} left`, span(Math.ceil(one.reset_s)),
  ]),
  tables: ({ policies, subjects }) => [
    {
      title: "Busiest", head: ["Subject", "Used", "Left", "Resets in", "Refused/s"], none: "Nobody has used a limit in the last minutes.",
      rows: subjects.map((one) => [
        { text: one.subject, note: `${one.policy}, by ${one.by}` },
        { text: `${count(one.used)} of ${count(one.limit)}`, tone: isFull(one) ? "warn" : "" }, count(one.remaining), span(Math.ceil(one.reset_s)), rate(one.refused_per_second),
      ]),
    },
    {
      title: "Policies", head: ["Policy", "Limit", "Each", "Algorithm"], none: "None: set RATE_LIMITS.",
      rows: policies.map((one) => [one.policy, `${count(one.limit)} in ${span(one.window_s)}`, one.subject, one.algorithm]),
    },
  ],
};

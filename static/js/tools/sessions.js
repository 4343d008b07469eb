// Sessions: how many people are signed in, and as what.
import { count } from "../format.js";

export const sessions = {
  id: "sessions", name: "Sessions", topic: "sessions", unit: "active",
  trial: (origin) => `curl -c jar -X POST ${origin}/api/v1/session -H 'Content-Type: application/json' -d '{"name": "ada"}'`,
  value: (state) => state.active,
  figure: (state) => count(state.active),
  word: (state) => ({ text: state.active ? "ok" : "idle" }),
  rows: (state) => [["Viewers", count(state.viewers)], ["Operators", count(state.operators)], ["Began, last minute", count(state.signed_in)]],
  tables: (state) => [
    { title: "Signed in", head: ["Role", "Active"], rows: [["Viewers", count(state.viewers)], ["Operators", count(state.operators)]] },
    { title: "Last minute", head: ["", "Sessions"], rows: [["Began", count(state.signed_in)], ["Ended", count(state.ended)]] },
  ],
};

// What each state of the connection says: pill, notice in the empty middle of the top bar, and the one polite region.
// All English of the states lives here.
import { $, calm, h, text } from "../dom.js";
import { clock, count, ordinal } from "../format.js";
import { stopSaid } from "../stops.js";

const CONNECTING_MS = 2000; // nothing is spoken of a connection that is there in time
const RANK_EVERY_MS = 10e3;
const BEAT = { duration: 700, easing: "steps(12)" };
const CAUSES = { "store-unavailable": "Redis does not answer (503). Scores are refused until it does." };

const STATES = {
  loading: { pill: "Connecting" },
  live: { pill: "Live" },
  leaving: { pill: "Live", say: () => "Server restarts; back in a moment." },
  reconnecting: {
    pill: "Reconnecting",
    say: ({ link, at }) => (link.ever ? `Connection lost at ${clock(at)}. This is the last data.` : "The server does not answer."),
    count: ({ link }) => (link.next_ms > Date.now() ? `Next try in ${Math.ceil((link.next_ms - Date.now()) / 1000)} s.` : "Trying."),
    act: "Try now", run: "connect",
  },
  stale: { pill: "Stale", say: ({ at }) => `Connected, but no update since ${clock(at)}. The server may be busy.`, act: "Reload data", run: "refresh" },
  error: { pill: "Error", say: ({ link }) => CAUSES[link.problem.code] ?? link.problem.detail ?? link.problem.title, act: "Details", run: "details" },
};

const REWOUND = { // the page is live, but what it shows is not
  pill: "Rewind",
  say: ({ stop }) => (stop.final ? `The final standings of ${stop.short}.` : `The board as it stood at ${stop.short}.`),
  act: "Back to live", run: "live",
};

/** @param actions connect(), refresh(), live() */
export function statusView(store, actions) {
  const root = document.documentElement, dialog = $("problem");
  let run, was = "loading", said = "", rankSaid = { key: "", ms: 0 };
  const begun_ms = Date.now();

  function say(words) { said = words; text($("say"), words); }

  function draw() {
    const { state, link, past } = store, stop = past && { ...past.stop, ...stopSaid(past.stop, store.now_ms, store.settings) };
    const s = past && state === "live" ? REWOUND : STATES[state], context = { link, stop, at: link.frame_at };
    root.dataset.state = state === "leaving" ? "live" : state;
    root.toggleAttribute("data-past", !!past);
    text($("pill-word"), s.pill);
    text($("pill-time"), s === REWOUND ? `at ${stop.short}` : link.frame_at ? `updated ${clock(link.frame_at)}` : "");
    text($("notice-word"), s.say?.(context) ?? "");
    text($("count"), s.count?.(context) ?? "");
    text($("act"), s.act ?? "");
    $("act").hidden = !s.act;
    root.toggleAttribute("data-notice", !!s.say);
    speak(s, context, s === REWOUND ? "rewound" : state);
    run = s.run;
  }

  function speak(s, context, state) {
    if (state !== was) say(s.say?.(context) ?? (state === "live" && was !== "loading" ? "Live" : ""));
    else if (state === "loading" && !said && Date.now() - begun_ms > CONNECTING_MS) say("Connecting");
    was = state;
  }

  /** The followed player's rank, when it has changed, at most every ten seconds. */
  function rank() {
    const { own, place, state } = store;
    if (state !== "live" || !own.row || store.past) return;
    const now = Date.now(), key = `${place.board} ${place.period} ${place.player}`;
    if (rankSaid.key !== key) rankSaid = { key, rank: own.row.rank, ms: now };
    if (rankSaid.rank === own.row.rank || now - rankSaid.ms < RANK_EVERY_MS) return;
    rankSaid = { key, rank: own.row.rank, ms: now };
    say(`${place.player} is now ${ordinal(own.row.rank)} of ${count(store.live.players)}`);
  }

  /** The dot beats with the server: once for each heartbeat that arrives. */
  function beat() {
    if (store.state === "live" && !document.hidden && !calm())
      $("beat").animate([{ transform: "none", opacity: 0.45 }, { transform: "scale(2.6)", opacity: 0 }], BEAT);
  }

  function details() {
    const { type, ...problem } = store.link.problem ?? {};
    const line = ([key, value]) => [h("dt", {}, key), h("dd", {}, typeof value === "string" ? value : JSON.stringify(value))];
    $("problem-facts").replaceChildren(...Object.entries({ ...problem, type }).filter(([, value]) => value !== undefined).flatMap(line));
    dialog.showModal();
  }

  $("act").addEventListener("click", () => ({ ...actions, details })[run]?.());
  for (const event of ["state", "tick", "past"]) store.addEventListener(event, draw);
  for (const event of ["own", "tick"]) store.addEventListener(event, rank);
  store.addEventListener("analytics", beat);
  return { say };
}

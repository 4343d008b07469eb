// The stops of the time slider: the moments of which the board is known as it stood, and after those of a period that is
// over its final standings. Pure.
import { clock, moment, periodSpan, sameDay, span } from "./format.js";

/** [{ at_ms, final, period: { id, from_ms, to_ms } }], oldest first, of what the server lists; null: no beginning, no end. */
export function stopsOf(periods, now_ms) {
  return periods.flatMap(({ period_id: id, from, to, moments }) => {
    const period = { id, from_ms: from && Date.parse(from), to_ms: to && Date.parse(to) };
    const stops = moments.map((at) => ({ at_ms: Date.parse(at), final: false, period }));
    return period.to_ms && period.to_ms <= now_ms ? [...stops, { at_ms: period.to_ms - 1, final: true, period }] : stops;
  });
}

/**
 * Which stop shows an instant: the last one by then in its period, else the next one; as many as there are stops: now.
 * Final standings end their period, so an instant after them belongs to a later one.
 */
export function stopAt(stops, at_ms) {
  const last = stops.findLastIndex((stop) => stop.at_ms <= at_ms);
  return last < 0 || (stops[last].final && stops[last].at_ms < at_ms) ? last + 1 : last;
}

const DAY_MS = 86400e3;
/** How much of the race is shown before a moment, and in which steps: what is old is known in less detail. */
export function raceSpan(at_ms, now_ms) {
  const age_ms = now_ms - at_ms;
  if (age_ms < DAY_MS) return { window_ms: 300e3, step_s: 5 };
  return age_ms < 30 * DAY_MS ? { window_ms: 3600e3, step_s: 60 } : { window_ms: 60 * 3600e3, step_s: 3600 };
}

const kindOf = ({ id }) => id.split(":", 1)[0];
/** What a stop is called: { short: "12:01:20" or "1974", whole: "12:01:20, 1:44 ago" or "1974, final standings" }. */
export function stopSaid({ at_ms, final, period }, now_ms, { season } = {}) {
  const kind = kindOf(period);
  if (final) {
    const short = periodSpan(kind, period, kind === "season" ? season?.zone : undefined);
    return { short, whole: `${short}, final standings` };
  }
  const short = sameDay(at_ms, now_ms) ? clock(at_ms) : moment(at_ms);
  return { short, whole: `${short}, ${span((now_ms - at_ms) / 1000)} ago` };
}

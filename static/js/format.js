// Numbers, times and board words as the viewer's locale writes them. Knows no DOM and no store.
const number = new Intl.NumberFormat();
const short = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
const percent = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 1 });
const time = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

export const count = (value) => number.format(value);
/** For narrow columns: 1,204 as it is, 1.2M from a million on. */
export const brief = (value) => (Math.abs(value) < 1e6 ? count : compact)(value);
export const compact = (value) => short.format(value);
/** For a mark beside a rank: 999, then 1.2K. */
export const tiny = (value) => (Math.abs(value) < 1e3 ? number : short).format(value);
/** A rate: one decimal while it is small enough for that to matter. */
export const rate = (value) => number.format(value < 10 ? Math.round(value * 10) / 10 : Math.round(value));
/** rank 35 of 1,000 -> "3.5%": the share of players who stand at this rank or above. */
export const share = (rank, players) => percent.format(Math.min(1, rank / players));
/** 0.9641 -> "96.4%". */
export const ratio = (value) => percent.format(value);
/** A short time: 0.42 -> "0.4 ms", 41.3 -> "41 ms"; null where nothing was measured. */
export const ms = (value) => (value == null ? "–" : `${rate(value)} ms`);
const moments = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
export const moment = (at_ms) => moments.format(at_ms);
export const clock = (at_ms) => time.format(at_ms);

/** 162 -> "2:42", 130329 -> "36:12:09", 259200 and up -> "3 d 0 h". */
export function span(seconds) {
  const s = Math.max(0, Math.floor(seconds)), two = (v) => String(v).padStart(2, "0");
  if (s >= 3 * 86400) return `${Math.floor(s / 86400)} d ${Math.floor(s / 3600) % 24} h`;
  if (s >= 3600) return `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
  return `${Math.floor(s / 60)}:${two(s % 60)}`;
}

const PERIODS = { all: "All time", season: "Season", month: "Month", week: "Week", day: "Day", hour: "Hour" };
const SAID = { all: "", season: " this season", month: " this month", week: " this week", day: " today", hour: " this hour" };
/** Periods from the longest to the shortest; names we do not know keep their order at the end. */
export const sortPeriods = (periods) => {
  const known = Object.keys(PERIODS);
  return [...periods].sort((a, b) => (known.indexOf(a) + 1 || 99) - (known.indexOf(b) + 1 || 99));
};
export const periodName = (period) => PERIODS[period] ?? period.charAt(0).toUpperCase() + period.slice(1);
/** The end of a sentence: "on this board this week". */
export const periodSaid = (period) => SAID[period] ?? ` in period ${period}`;

const days = (zone) => new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeZone: zone });
const months = new Intl.DateTimeFormat(undefined, { month: "long", year: "numeric", timeZone: "UTC" });
const hours = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" });
/** A whole period on its own calendar: "Nov 24, 2026", "November 2026", "1974", "Nov 16 – 22, 2026"; null: no beginning. */
export function periodSpan(kind, { from_ms, to_ms }, zone = "UTC") {
  if (kind === "hour") return hours.formatRange(from_ms, to_ms);
  if (kind === "day") return days(zone).format(from_ms);
  if (kind === "month") return months.format(from_ms);
  if (from_ms === null) return `until ${days(zone).format(to_ms - 1)}`;
  const [from, to] = [from_ms, to_ms].map((ms) => new Intl.DateTimeFormat("sv", { dateStyle: "short", timeStyle: "short", timeZone: zone }).format(ms));
  const year = Number(from.slice(0, -12));
  if (from.endsWith("-01-01 00:00") && to.endsWith("-01-01 00:00") && Number(to.slice(0, -12)) === year + 1) return String(year);
  return days(zone).formatRange(from_ms, to_ms - 1);
}
/** Whether two instants are of one day where the viewer is. */
export const sameDay = (a_ms, b_ms) => new Date(a_ms).toDateString() === new Date(b_ms).toDateString();

/** When the running period ends (UTC calendar, weeks from Monday; a season's end stands with the board), in ms since the
    epoch; null for one without an end. */
export function periodEnd(period, now_ms, { season_ends } = {}) {
  const d = new Date(now_ms), [y, m, day] = [d.getUTCFullYear(), d.getUTCMonth(), d.getUTCDate()];
  switch (period) {
    case "month": return Date.UTC(y, m + 1, 1);
    case "week": return Date.UTC(y, m, day + 7 - ((d.getUTCDay() + 6) % 7));
    case "day": return Date.UTC(y, m, day + 1);
    case "hour": return Date.UTC(y, m, day, d.getUTCHours() + 1);
    case "season": { const ends = Date.parse(season_ends); return ends > now_ms ? ends : null; }
    default: return null;
  }
}

/** What a score means on this board, in a few words. */
export function ruleSaid({ rule = "best", order = "desc", merge, half_life_s }) {
  const said = merge ? `${{ sum: "sum", min: "least", max: "most" }[merge.aggregate]} of ${count(merge.boards.length)} boards`
    : { best: "best score counts", last: "latest score counts", sum: half_life_s ? "scores add up and fade" : "scores add up" }[rule];
  return said + (order === "asc" ? ", lowest first" : "");
}

const rules = new Intl.PluralRules("en", { type: "ordinal" });
/** 3 -> "3rd"; the page speaks English, so its ordinals do. */
export const ordinal = (n) => `${count(n)}${{ one: "st", two: "nd", few: "rd", other: "th" }[rules.select(n)]}`;

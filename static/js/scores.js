// Scores as their board writes them, by its setting `format`: points, a time or money. Pure.
import { brief, compact, count } from "./format.js";

const MINUS = new Intl.NumberFormat().formatToParts(-1).find(({ type }) => type === "minusSign").value;
const sign = (value) => (value > 0 ? "+" : value < 0 ? "−" : "±");
/** 1, 2, 5, 10, 20, 50, ... from the first power of ten that is at least `least` */
const decimalSteps = (least) => Array.from({ length: 48 }, (_, i) => [1, 2, 5][i % 3] * 10 ** (Math.floor(i / 3) + Math.ceil(Math.log10(least))));

/** A time of `per` to the second: 62345 -> "1:02.345", from an hour on "1:00:02.345". */
function timeWriter({ from = "ms" }) {
  const per = { ms: 1000, s: 1 }[from], digits = { ms: 3, s: 0 }[from];
  const padded = (least, most) => new Intl.NumberFormat(undefined, { minimumIntegerDigits: 2, minimumFractionDigits: least, maximumFractionDigits: most });
  const exact = padded(digits, 3), whole = padded(0, 0), plain = new Intl.NumberFormat(undefined, { useGrouping: false });
  function write(value, second = exact) {
    const all = Math.abs(value), minutes = Math.floor(all / (60 * per)), hours = Math.floor(minutes / 60);
    const rest = Math.floor(((all - minutes * 60 * per) / per) * 1000 + 1e-6) / 1000; // never rounded up to 60
    const head = hours ? `${plain.format(hours)}:${whole.format(minutes % 60)}` : plain.format(minutes);
    return `${value < 0 ? MINUS : ""}${head}:${second.format(second === whole ? Math.floor(rest) : rest)}`;
  }
  const hour = 3600 * per;
  const steps = [...decimalSteps(1 / per).filter((step) => step < 1), 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400, ...decimalSteps(1e5)];
  return {
    full: (value) => write(value),
    brief: (value) => (Math.abs(value) < hour ? write(value) : Math.abs(value) < 1000 * hour ? write(value, whole) : `${compact(value / hour)} h`),
    steps: steps.map((step) => step * per).filter((step) => from === "ms" || step >= 1),
    tick: (value, step) => (Math.abs(value) >= 1000 * hour ? `${compact(value / hour)} h` : write(value, step < per ? exact : whole)),
  };
}

/** Money of which scores are minor units: 1234 -> "€12.34". */
function moneyWriter({ currency, decimals = 2 }) {
  const style = { style: "currency", currency }, unit = 10 ** decimals;
  const exact = new Intl.NumberFormat(undefined, { ...style, minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  const round = new Intl.NumberFormat(undefined, { ...style, minimumFractionDigits: 0, maximumFractionDigits: 0 });
  const large = new Intl.NumberFormat(undefined, { ...style, notation: "compact", minimumFractionDigits: 0, maximumFractionDigits: 1 });
  function full(value) {
    if (!Number.isSafeInteger(value) || !decimals) return exact.format(value / unit);
    const figures = String(Math.abs(value)).padStart(decimals + 1, "0"); // as text: a division loses the last of 16 figures
    return exact.format(`${value < 0 ? "-" : ""}${figures.slice(0, -decimals)}.${figures.slice(-decimals)}`);
  }
  return {
    full,
    brief: (value) => (Math.abs(value) < 1e4 * unit ? full(value) : (Math.abs(value) < 1e6 * unit ? round : large).format(value / unit)),
    steps: decimalSteps(1),
    tick: (value, step) => (step < unit ? full(value) : Math.abs(value) < 1e4 * unit ? round.format(value / unit) : large.format(value / unit)),
  };
}

const WRITERS = { points: () => ({ full: count, brief }), time: timeWriter, money: moneyWriter };
const AXIS_TICKS = 4;
const made = new Map();

/**
 * How a board writes its scores, by its setting `format`: full(score), brief(score) for narrow columns, signed(score)
 * for a change, axis(from, to): ticks of a chart's axis, {} where those of plain numbers do.
 */
export function scoreWriter(format = { kind: "points" }) {
  const key = JSON.stringify(format);
  if (!made.has(key)) {
    const { full, brief: narrow, steps, tick } = (WRITERS[format.kind] ?? WRITERS.points)(format);
    const axis = (from, to) => {
      const step = steps?.find((size) => (to - from) / size <= AXIS_TICKS);
      if (!step) return {};
      const tickvals = [];
      for (let n = Math.ceil(from / step); n * step <= to; n++) tickvals.push(n * step);
      return { tickvals, ticktext: tickvals.map((value) => tick(value, step)) };
    };
    made.set(key, { full, brief: narrow, signed: (value) => sign(value) + narrow(Math.abs(value)), axis });
  }
  return made.get(key);
}

// Where the viewer is: board, period and player, and in the past or not, as the page's address says it. Pure.
const get = (search, key) => new URLSearchParams(search).get(key)?.normalize("NFC") || null;

/** "?board=goals&player=ada" -> { board: "goals", period: null, player: "ada" } */
export function readPlace(search) {
  return { board: get(search, "board"), period: get(search, "period"), player: get(search, "player") };
}

/** "?at=1974-07-01" -> that moment in ms since the epoch; null where none or nonsense is named. */
export function readMoment(search) {
  const at_ms = Date.parse(get(search, "at"));
  return Number.isNaN(at_ms) ? null : at_ms;
}

/** The address of a place, at a past moment if one is given; what is not set is left out. */
export function writePlace({ board, period, player }, at_ms = null) {
  const ask = new URLSearchParams(), at = at_ms === null ? null : new Date(at_ms).toISOString();
  for (const [key, value] of Object.entries({ board, period, player, at })) if (value) ask.set(key, value);
  return `?${ask}`;
}

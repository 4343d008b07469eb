// Where the viewer is: board, period and player, as the page's address says it. Pure.
/** "?board=goals&player=ada" -> { board: "goals", period: null, player: "ada" } */
export function readPlace(search) {
  const ask = new URLSearchParams(search);
  const get = (key) => ask.get(key)?.normalize("NFC") || null;
  return { board: get("board"), period: get("period"), player: get("player") };
}

/** The address of a place; what is not set is left out. */
export function writePlace({ board, period, player }) {
  const ask = new URLSearchParams();
  for (const [key, value] of Object.entries({ board, period, player })) if (value) ask.set(key, value);
  return `?${ask}`;
}

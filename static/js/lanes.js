// Ten colours for ten players. A player keeps a lane while staying in the top ten; a newcomer takes a free one. Pure.
const LANES = 10;

/** Map player -> lane (0 to 9) for the first ten of `players`, given the lanes held so far. */
export function assign(held, players) {
  const top = players.slice(0, LANES);
  const lanes = new Map(top.filter((player) => held.has(player)).map((player) => [player, held.get(player)]));
  const free = Array.from({ length: LANES }, (_, lane) => lane).filter((lane) => ![...lanes.values()].includes(lane));
  for (const player of top) if (!lanes.has(player)) lanes.set(player, free.shift());
  return lanes;
}

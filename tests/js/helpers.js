// Short ways to write rows and frames.
export const row = (rank, player, score) => ({ rank, player, score });
export const rows = (...pairs) => pairs.map(([player, score], i) => row(i + 1, player, score));

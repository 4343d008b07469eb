// What the Node peers share: the connection to Redis, checking a score, submitting it, reading the top of a board.
import { readFileSync } from "node:fs";
import { Redis } from "ioredis";

const LUA = readFileSync(new URL("submit_scores.lua", import.meta.url), "utf8");
const NAME = /^[A-Za-z0-9][A-Za-z0-9:_.-]{0,63}$/;

export const redis = new Redis(process.env.REDIS_SOCKET);
redis.defineCommand("submitScores", { numberOfKeys: 3, lua: LUA }); // sent as EVALSHA

export function isBoard(board) {
  return typeof board === "string" && NAME.test(board);
}

export function isScore(item) {
  return (
    item !== null &&
    typeof item === "object" &&
    typeof item.player === "string" &&
    item.player.length >= 1 &&
    item.player.length <= 128 &&
    Number.isSafeInteger(item.score)
  );
}

// One EVALSHA for any number of scores of a board; their answers, in order.
export async function submit(board, items) {
  const words = [board];
  for (const item of items) words.push(item.player, item.score);
  const replies = await redis.submitScores(`board:${board}`, `events:${board}`, `state:${board}`, ...words);
  return replies.map(([held, rank, before, changed, players, position], i) => ({
    player: items[i].player,
    score: Number(held),
    rank: rank + 1,
    previous_rank: before < 0 ? null : before + 1,
    changed: changed === 1,
    players,
    position,
  }));
}

// The first rows of a board: one trip.
export async function top(board, limit) {
  const [[, flat], [, players]] = await redis
    .pipeline()
    .zrevrange(`board:${board}`, 0, limit - 1, "WITHSCORES")
    .zcard(`board:${board}`)
    .exec();
  const rows = [];
  for (let i = 0; i < flat.length; i += 2) {
    rows.push({ rank: i / 2 + 1, player: flat[i], score: Number(flat[i + 1]) });
  }
  return { players, rows };
}

// Tell whoever started us where we listen.
export function announce(server) {
  server.keepAliveTimeout = 600_000; // Node's 5 s are over where a connection waits while the other servers have their round
  server.listen(0, "127.0.0.1", 4096, () => {
    console.log(`Peer is at http://127.0.0.1:${server.address().port}`);
  });
  process.on("SIGTERM", () => process.exit(0));
}

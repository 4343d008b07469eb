// Node's bare http server with micro-batching: what arrives while Redis is busy goes there together in one EVALSHA.
import { createServer } from "node:http";
import { announce, isBoard, isScore, submit } from "./scores.mjs";

const PATH = /^\/api\/v1\/boards\/([^/]+)\/scores$/;
const waiting = new Map();
const busy = new Set();

async function drain(board) {
  busy.add(board);
  let asked;
  while ((asked = waiting.get(board))) {
    waiting.delete(board);
    try {
      const results = await submit(board, asked.flatMap((one) => one.items));
      let at = 0;
      for (const { items, isBatch, response } of asked) {
        send(response, 200, isBatch ? { results: results.slice(at, at + items.length) } : results[at]);
        at += items.length;
      }
    } catch (error) {
      for (const one of asked) send(one.response, 503, { error: error.message });
    }
  }
  busy.delete(board);
}

function send(response, status, value) {
  const body = JSON.stringify(value);
  response.writeHead(status, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) });
  response.end(body);
}

function take(board, one) {
  const asked = waiting.get(board);
  if (asked) asked.push(one);
  else waiting.set(board, [one]);
  if (!busy.has(board)) {
    busy.add(board);
    setImmediate(drain, board); // after all that this turn of the loop has read
  }
}

const server = createServer((request, response) => {
  const board = request.method === "POST" ? PATH.exec(request.url)?.[1] : undefined;
  if (!isBoard(board)) return send(response, 404, { error: "not found" });
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    let body;
    try {
      body = JSON.parse(parts.length === 1 ? parts[0] : Buffer.concat(parts));
    } catch {
      return send(response, 400, { error: "not JSON" });
    }
    const isBatch = Array.isArray(body?.scores);
    const items = isBatch ? body.scores : [body];
    if (!items.every(isScore)) return send(response, 422, { error: "a score is {player, score}" });
    return take(board, { items, isBatch, response });
  });
});

announce(server);

// Express and ioredis, as their documentation shows them: one request, one EVALSHA.
import { createServer } from "node:http";
import express from "express";
import { announce, isBoard, isScore, submit } from "./scores.mjs";

const app = express();
app.use(express.json({ limit: "1mb" }));

app.post("/api/v1/boards/:board/scores", async (request, response) => {
  const { board } = request.params;
  const batch = request.body?.scores;
  const items = batch ?? [request.body];
  if (!isBoard(board) || !Array.isArray(items) || !items.every(isScore)) {
    return response.status(422).json({ error: "a score is {player, score}" });
  }
  const results = await submit(board, items);
  return response.json(batch ? { results } : results[0]);
});

announce(createServer(app));

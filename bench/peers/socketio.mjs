// Socket.IO on Node and ioredis: scores with acknowledgement, boards in rooms.
import { createServer } from "node:http";
import { Server } from "socket.io";
import { announce, isBoard, isScore, submit } from "./scores.mjs";
import { Boards } from "./watch.mjs";

const server = createServer();
const io = new Server(server);
const boards = new Boards((topic, limit, frame) => io.to(`${topic}#${limit}`).emit("board", frame));

io.on("connection", (socket) => {
  const watched = new Map(); // topic -> limit

  socket.on("score", async ({ board, ...item }, answer) => {
    if (!isBoard(board) || !isScore(item)) return answer({ error: "a score is {board, player, score}" });
    return answer((await submit(board, [item]))[0]);
  });

  socket.on("scores", async ({ board, scores }, answer) => {
    if (!isBoard(board) || !Array.isArray(scores) || !scores.every(isScore)) {
      return answer({ error: "scores are {board, scores: [{player, score}]}" });
    }
    return answer({ results: await submit(board, scores) });
  });

  socket.on("subscribe", async ({ topic, limit = 10 }, answer) => {
    if (watched.has(topic)) boards.leave(topic, watched.get(topic));
    watched.set(topic, limit);
    socket.join(`${topic}#${limit}`);
    answer(await boards.join(topic, limit));
  });

  socket.on("unsubscribe", ({ topic }, answer) => {
    if (!watched.has(topic)) return answer({ error: "not subscribed" });
    const limit = watched.get(topic);
    watched.delete(topic);
    socket.leave(`${topic}#${limit}`);
    boards.leave(topic, limit);
    return answer({ topic });
  });

  socket.on("disconnect", () => {
    for (const [topic, limit] of watched) boards.leave(topic, limit);
  });
});

announce(server);

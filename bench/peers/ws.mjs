// Bare websockets: who connects watches the board named in the address, and every frame is encoded once for all.
import { createServer } from "node:http";
import { Sender, WebSocketServer } from "ws";
import { announce } from "./scores.mjs";
import { Boards } from "./watch.mjs";

const server = createServer();
const rooms = new Map(); // topic#limit -> sockets

const boards = new Boards((topic, limit, frame) => {
  const text = Buffer.from(JSON.stringify(["board", frame]));
  const bytes = Buffer.concat(Sender.frame(text, { fin: true, opcode: 1, mask: false, readOnly: true, rsv1: false }));
  for (const viewer of rooms.get(`${topic}#${limit}`) ?? []) viewer._socket.write(bytes);
});

new WebSocketServer({ server }).on("connection", async (viewer, request) => {
  const query = new URL(request.url, "http://peer").searchParams;
  const topic = query.get("topic");
  const limit = Number(query.get("limit"));
  const room = `${topic}#${limit}`;
  if (!rooms.has(room)) rooms.set(room, new Set());
  rooms.get(room).add(viewer);
  viewer.on("close", () => {
    rooms.get(room).delete(viewer);
    boards.leave(topic, limit);
  });
  viewer.send(JSON.stringify(await boards.join(topic, limit)));
});

announce(server);

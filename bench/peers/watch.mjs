// For the peers that show boards: each tick, a watched board that changed lately is read once and made one frame.
import { redis, top } from "./scores.mjs";

const TICK_MS = Number(process.env.TICK_MS ?? 100);
const QUIET_MS = 1000; // so long after its last ring a board is read: rings are throttled

export class Boards {
  #watches = new Map();
  #rung = new Map(); // board -> until when it is read
  #epochs = 0;

  // `send(topic, limit, frame)` reaches all who watch.
  constructor(send) {
    const ears = redis.duplicate();
    ears.subscribe("changed");
    ears.on("message", (_, board) => this.#rung.set(board, Date.now() + QUIET_MS));
    setInterval(() => this.#tick(send), TICK_MS);
  }

  // The snapshot from which the next frame goes on. No trip where somebody watches the same already.
  async join(topic, limit) {
    const key = `${topic}#${limit}`;
    let watch = this.#watches.get(key);
    if (!watch) {
      const board = topic.split(":")[1];
      watch = { topic, board, limit, viewers: 0, epoch: `peer-${++this.#epochs}`, seq: 0 };
      this.#watches.set(key, watch);
      watch.ready = top(board, limit).then((page) => this.#show(watch, page));
    }
    watch.viewers++;
    await watch.ready;
    return { topic, epoch: watch.epoch, seq: watch.seq, snapshot: { version: watch.seq, ...watch.page } };
  }

  leave(topic, limit) {
    const watch = this.#watches.get(`${topic}#${limit}`);
    if (watch && --watch.viewers === 0) this.#watches.delete(`${topic}#${limit}`);
  }

  async #tick(send) {
    const now = Date.now();
    for (const watch of [...this.#watches.values()]) {
      if (!(this.#rung.get(watch.board) > now)) continue;
      const page = await top(watch.board, watch.limit);
      if (!this.#show(watch, page)) continue;
      watch.seq++;
      send(watch.topic, watch.limit, { topic: watch.topic, epoch: watch.epoch, seq: watch.seq, full: true, ...page });
    }
  }

  // Take over a page; whether it is another one than before.
  #show(watch, page) {
    const shown = JSON.stringify(page);
    const isNew = shown !== watch.shown;
    watch.shown = shown;
    watch.page = page;
    return isNew;
  }
}

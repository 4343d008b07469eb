// The live connection: subscriptions to topics over Socket.IO, kept in order and kept up.
// Owns when to ask, to wait and to ask again; sequence.js owns which frame may be shown. What frames mean is the
// caller's business. Events: "up", "down" (detail.lost_ms), "waiting" (detail.next_ms: when the next try is due),
// "notice" (detail: { code, detail, topic? }), "sign" (a frame of a board or its analytics arrived).
import { wait_ms } from "./backoff.js";
import { Sequence } from "./sequence.js";

const ANSWER_MS = 12e3; // longer than the server waits for its store: a refusal tells more than silence
const BEATS = ["board", "analytics"]; // of what the page is about: a sign of life
const FRAME_EVENTS = ["limits", "cache", "streams", "locks", "sessions", "message"];

export class Feed extends EventTarget {
  #socket;
  #topics = new Map();
  #failures = 0;
  #timer = null;

  /** @param socket a Socket.IO client socket made with { autoConnect: false, reconnection: false } */
  constructor(socket) {
    super();
    this.#socket = socket;
    socket.on("connect", () => this.#up());
    socket.on("connect_error", () => this.#retry());
    socket.on("disconnect", () => { this.#down(); this.#retry(); });
    socket.on("notice", (notice) => this.#tell("notice", notice));
    for (const event of BEATS) socket.on(event, (frame) => { this.#tell("sign"); this.#frame(frame); });
    for (const event of FRAME_EVENTS) socket.on(event, (frame) => this.#frame(frame));
  }

  get connected() { return this.#socket.connected; }

  /** Connect at once, whatever the backoff says. */
  connect() {
    clearTimeout(this.#timer);
    this.#socket.connect();
  }

  /** The connection looks dead although nobody said so: drop it and try anew. */
  cycle() {
    if (this.#socket.connected) this.#socket.disconnect(); // comes back through "disconnect"
    else this.connect();
  }

  /**
   * Keep a topic. `on.snapshot(snapshot)` comes first and after every loss, `on.frame(frame)` in order after it;
   * `on.problem(problem)` when the server refuses (a temporary refusal is asked again).
   */
  watch(topic, options, on) {
    const entry = { topic, options, on, sequence: new Sequence(), round: 0, pending: false, failures: 0, asked_ms: 0, timer: null };
    this.#topics.set(topic, entry);
    this.#ask(entry);
  }

  unwatch(topic) {
    clearTimeout(this.#topics.get(topic)?.timer);
    if (this.#topics.delete(topic) && this.#socket.connected) this.#socket.emit("unsubscribe", { topic });
  }

  /** Ask for every topic again, unless a question is out. */
  refresh() { for (const entry of this.#topics.values()) if (!entry.pending) this.#ask(entry); }

  #tell(type, detail) { this.dispatchEvent(Object.assign(new Event(type), { detail })); }

  #up() {
    this.#failures = 0;
    clearTimeout(this.#timer);
    this.#tell("up");
    this.refresh();
  }

  #down() {
    for (const entry of this.#topics.values()) {
      clearTimeout(entry.timer);
      entry.pending = false;
      entry.sequence.lose();
    }
    this.#tell("down", { lost_ms: Date.now() });
  }

  #retry() {
    const wait = wait_ms(this.#failures++);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#socket.connect(), wait);
    this.#tell("waiting", { next_ms: Date.now() + wait });
  }

  #ask(entry) {
    clearTimeout(entry.timer);
    if (!this.#socket.connected) return; // "connect" asks for all
    const round = ++entry.round;
    entry.asked_ms = Date.now();
    entry.pending = true;
    entry.sequence.ask();
    this.#socket.timeout(ANSWER_MS).emit("subscribe", { topic: entry.topic, ...entry.options }, (lost, answer) => {
      if (this.#topics.get(entry.topic) !== entry || entry.round !== round || !entry.pending) return;
      entry.pending = false;
      if (lost) return this.#later(entry);
      if (answer.error) return this.#refused(entry, answer.error);
      entry.failures = 0;
      entry.on.snapshot(answer.snapshot);
      this.#show(entry, entry.sequence.answer(answer));
    });
  }

  #refused(entry, problem) {
    entry.on.problem(problem);
    if (problem.status >= 500 || problem.status === 429) this.#later(entry);
  }

  #later(entry) {
    clearTimeout(entry.timer);
    entry.timer = setTimeout(() => this.#ask(entry), wait_ms(entry.failures++));
  }

  #frame(frame) {
    const entry = this.#topics.get(frame.topic);
    if (entry) this.#show(entry, entry.sequence.frame(frame));
  }

  #show(entry, { frames, again }) {
    const whole = frames.every((frame) => entry.on.frame(frame) !== false); // false: it does not fit what is shown
    if (!again && whole) return;
    if (Date.now() - entry.asked_ms > 1000) {
      this.#ask(entry);
    } else {
      entry.sequence.ask(); // hold what comes until asking is due
      this.#later(entry);
    }
  }
}

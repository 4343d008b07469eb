// Takes the page through the past of its board: asks for what is known of it when somebody wants to go there, for one stop
// after the other as fast as answers come, and plays them. Owns when to ask; the store holds what came.
import { raceSpan, stopAt, stopsOf } from "./stops.js";

const PLAY_MS = 400;
const FRESH_MS = 30e3; // so long a list of stops is not asked for again
const KEPT = 200; // answers; what was at a moment changes only when somebody is removed

export class Rewinder {
  #store;
  #api;
  #answers = new Map();
  #whose = "";
  #listed_ms = -Infinity;
  #listing = null;
  #wanted = null; // the stop to show next, while another one is on its way
  #busy = false;
  #timer = null;

  constructor(store, api) {
    this.#store = store;
    this.#api = api;
    store.addEventListener("place", () => { if (this.#here() !== this.#whose) this.#forget(); });
  }

  #here() { return JSON.stringify([this.#store.place.board, this.#store.place.period]); }

  #forget() {
    clearTimeout(this.#timer);
    this.#answers.clear();
    [this.#whose, this.#listed_ms, this.#listing, this.#wanted] = [this.#here(), -Infinity, null, null];
  }

  /** The stops of this board and period: as they were a moment ago, or anew. Not while the page shows one of them. */
  async list() {
    const { place, slider } = this.#store, whose = this.#here();
    if (slider.stops && (slider.at !== null || Date.now() - this.#listed_ms < FRESH_MS)) return;
    this.#listing ??= this.#api.moments(place.board, place.period);
    try {
      const periods = await this.#listing;
      if (whose !== this.#here() || this.#store.slider.at !== null) return;
      this.#listed_ms = Date.now();
      this.#store.slide({ stops: stopsOf(periods, this.#store.now_ms), failed: false });
    } catch {
      if (whose === this.#here()) this.#store.slide({ failed: true });
    } finally {
      this.#listing = null;
    }
  }

  /** To the stop that shows an instant. */
  async seek(at_ms) {
    const whose = this.#here();
    await this.list();
    const { stops } = this.#store.slider;
    if (stops && whose === this.#here()) this.go(stopAt(stops, at_ms));
  }

  /** To a stop by its number; from their end on: to now. What somebody does by hand ends playing. */
  go(at) {
    this.pause();
    this.#go(at);
  }

  #go(at) {
    const { stops } = this.#store.slider;
    if (!stops || at >= stops.length) return this.live();
    this.#store.slide({ at });
    this.#wanted = stops[at];
    if (!this.#busy) this.#show();
    return undefined;
  }

  live() {
    this.pause();
    this.#wanted = null;
    this.#store.slide({ at: null, failed: false });
    if (this.#store.past) this.#store.rewind(null);
  }

  /** From the stop shown to now, from the first one on if it is now. */
  async play() {
    await this.list();
    const { stops, at } = this.#store.slider;
    if (!stops?.length) return;
    this.#store.slide({ playing: true });
    this.#go(at ?? 0);
    this.#timer = setTimeout(() => this.#next(), PLAY_MS);
  }

  #next() {
    if (!this.#busy) this.#go((this.#store.slider.at ?? -1) + 1);
    if (this.#store.slider.playing) this.#timer = setTimeout(() => this.#next(), PLAY_MS);
  }

  pause() {
    clearTimeout(this.#timer);
    if (this.#store.slider.playing) this.#store.slide({ playing: false });
  }

  /** Show what is wanted until that is shown: what was passed meanwhile is left out. */
  async #show() {
    this.#busy = true;
    while (this.#wanted) {
      const stop = this.#wanted, whose = this.#here();
      const read = await this.#read(stop).catch(() => null);
      if (whose !== this.#here() || this.#store.slider.at === null) break; // somewhere else, or live, by now
      if (this.#wanted !== stop) continue;
      this.#wanted = null;
      if (read) this.#store.rewind(stop, ...read);
      this.#store.slide({ failed: !read });
    }
    this.#busy = false;
    if (this.#wanted) this.#show();
  }

  /** [answer, points, span of the race] of a stop. */
  async #read(stop) {
    const { board, period } = this.#store.place, known = this.#answers.get(stop);
    if (known) return known;
    const span = raceSpan(stop.at_ms, this.#store.now_ms);
    const [answer, points] = await Promise.all([
      this.#api.stood(board, period, stop),
      this.#api.history(board, period, stop.at_ms - span.window_ms, stop.at_ms + 1, span.step_s).catch(() => []), // the rows do without
    ]);
    this.#answers.set(stop, [answer, points, span]);
    if (this.#answers.size > KEPT) this.#answers.delete(this.#answers.keys().next().value);
    return [answer, points, span];
  }
}

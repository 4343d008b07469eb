// Keeps the followed player's row and neighbourhood fresh: asked at once for another player or board, and then at
// most once a second and only when the board's version has moved. Owns when to ask; the store holds what came.
import { neighbourhood } from "./rows.js";

const EVERY_MS = 1000;
const AROUND = 11; // rows shown: the ten of the table and the place of the pinned row

export class Follow {
  #store;
  #api;
  #whose = "";     // board, period and player of the last question
  #version = null; // the board's version when it was asked
  #asked_ms = 0;
  #busy = false;
  #timer = null;

  constructor(store, api) {
    this.#store = store;
    this.#api = api;
    for (const event of ["place", "rows", "analytics"]) store.addEventListener(event, () => this.#look());
  }

  #look() {
    const { place, analytics, link, shown } = this.#store;
    clearTimeout(this.#timer);
    if (!place.player || !link.connected || !shown || this.#busy) return;
    const whose = JSON.stringify(place);
    if (whose === this.#whose && analytics.version === this.#version) return;
    const wait = whose === this.#whose ? this.#asked_ms + EVERY_MS - Date.now() : 0;
    if (wait > 0) this.#timer = setTimeout(() => this.#look(), wait);
    else this.#ask(whose, place, analytics.version);
  }

  async #ask(whose, place, version) {
    this.#busy = true;
    this.#asked_ms = Date.now();
    try {
      const rows = await this.#read(place);
      if (whose === JSON.stringify(this.#store.place)) {
        const own = rows.find((row) => row.player === place.player) ?? null;
        this.#store.follow(own, own ? neighbourhood(rows, place.player, AROUND) : []);
      }
      this.#version = version;
    } catch {
      this.#version = null; // the last answer stays; the next look asks again
    }
    this.#whose = whose;
    this.#busy = false;
    this.#look();
  }

  async #read({ board, period, player }) {
    const api = this.#api;
    if (!this.#store.own.row && !(await api.find(board, period, player))) return [];
    try {
      return (await api.around(board, period, player, AROUND)).rows;
    } catch (error) {
      if (error.problem?.status === 404) return []; // removed between two looks
      throw error;
    }
  }
}

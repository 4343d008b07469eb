// The order of one topic's frames: which may be shown, which must wait, which are old, and when the thread is lost.
// Pure; feed.js owns the connection. The rules are those of the wire: every frame carries `epoch` and `seq`; the
// snapshot comes in the answer to `subscribe`; a frame may overtake that answer; a changed-rows frame counts on its
// predecessor, a full frame does not.
const HELD_MOST = 256;

export class Sequence {
  #epoch = null;
  #seq = -1;
  #held = [];
  #asking = false;

  /** A question went out: what arrives now waits for its answer. */
  ask() {
    this.#asking = true;
    this.#held = [];
  }

  /** The connection is gone, and with it everything on its way. */
  lose() {
    this.#asking = false;
    this.#epoch = null;
    this.#held = [];
  }

  /**
   * The answer came: its snapshot is shown by the caller, then these frames.
   * @returns {{frames: object[], again: boolean}} again: a frame is missing, ask once more.
   */
  answer({ epoch, seq }) {
    const held = this.#held.filter((frame) => frame.epoch === epoch); // of another epoch: older than the answer
    this.#asking = false;
    this.#held = [];
    this.#epoch = epoch;
    this.#seq = seq;
    const frames = [];
    for (const frame of held) {
      const got = this.frame(frame);
      frames.push(...got.frames);
      if (got.again) return { frames, again: true };
    }
    return { frames, again: false };
  }

  /** One frame came in. Same return as answer(). */
  frame(frame) {
    if (this.#asking) {
      this.#held.push(frame);
      if (this.#held.length > HELD_MOST) this.#held.shift(); // the hole it leaves is found by seq
      return { frames: [], again: false };
    }
    if (frame.epoch !== this.#epoch) return { frames: [], again: true };
    if (frame.seq <= this.#seq) return { frames: [], again: false };
    if (!frame.full && frame.seq !== this.#seq + 1) return { frames: [], again: true };
    this.#seq = frame.seq;
    return { frames: [frame], again: false };
  }
}

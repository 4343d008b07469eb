import assert from "node:assert/strict";
import { test } from "node:test";
import { Sequence } from "../../static/js/sequence.js";

const full = (seq, epoch = "e1") => ({ epoch, seq, full: true });
const part = (seq, epoch = "e1") => ({ epoch, seq, full: false });
const seqs = ({ frames }) => frames.map((frame) => frame.seq);
const at = (seq, epoch = "e1") => { const s = new Sequence(); s.ask(); s.answer({ epoch, seq }); return s; };

test("frames that overtake the answer are held, and only the newer ones are shown after it", () => {
  const s = new Sequence();
  s.ask();
  for (const frame of [part(4), part(5), part(6), part(7)]) assert.deepEqual(s.frame(frame), { frames: [], again: false });
  const got = s.answer({ epoch: "e1", seq: 5 });
  assert.deepEqual(seqs(got), [6, 7]);
  assert.equal(got.again, false);
});

test("an old frame is dropped in silence", () => {
  const s = at(5);
  assert.deepEqual(s.frame(part(5)), { frames: [], again: false });
  assert.deepEqual(s.frame(full(3)), { frames: [], again: false });
});

test("a gap before a changed-rows frame asks again, a full frame may skip numbers", () => {
  assert.equal(at(5).frame(part(7)).again, true);
  const s = at(5);
  assert.deepEqual(seqs(s.frame(full(9))), [9]);
  assert.deepEqual(seqs(s.frame(part(10))), [10]);
});

test("a new epoch asks again, even with the next number in line and a full frame", () => {
  assert.equal(at(5).frame(part(6, "e2")).again, true);
  assert.equal(at(5).frame(full(6, "e2")).again, true);
});

test("held frames of an older epoch do not count against the answer", () => {
  const s = new Sequence();
  s.ask();
  s.frame(part(900, "e1"));
  s.frame(part(2, "e2"));
  const got = s.answer({ epoch: "e2", seq: 1 });
  assert.deepEqual(seqs(got), [2]);
  assert.equal(got.again, false);
});

test("a gap among the held frames asks again", () => {
  const s = new Sequence();
  s.ask();
  s.frame(part(6));
  s.frame(part(8));
  const got = s.answer({ epoch: "e1", seq: 5 });
  assert.deepEqual(seqs(got), [6]);
  assert.equal(got.again, true);
});

test("while a question is out nothing is shown, and after a loss nothing of before counts", () => {
  const s = at(5);
  s.ask();
  assert.deepEqual(seqs(s.frame(part(6))), []);
  s.lose();
  s.ask();
  const got = s.answer({ epoch: "e1", seq: 9 });
  assert.deepEqual(seqs(got), []);
  assert.deepEqual(seqs(s.frame(part(10))), [10]);
});

test("any order in which answer and frames arrive ends in the same state", () => {
  // Control: a client that shows whatever comes ends up in another state for at least one order.
  const state = (shown) => shown.reduce((rows, frame) => (frame.full ? frame.seq : rows + 1), 0);
  let naiveMisses = 0;
  for (let overtaking = 0; overtaking <= 6; overtaking++) {
    const s = new Sequence(), frames = [4, 5, 6, 7, 8, 9].map((seq) => part(seq));
    s.ask();
    for (const frame of frames.slice(0, overtaking)) s.frame(frame);
    const shown = [full(5), ...s.answer({ epoch: "e1", seq: 5 }).frames];
    for (const frame of frames.slice(overtaking)) shown.push(...s.frame(frame).frames);
    assert.equal(state(shown), 9);
    if (state([...frames.slice(0, overtaking), full(5), ...frames.slice(overtaking)]) !== 9) naiveMisses += 1;
  }
  assert.ok(naiveMisses > 0);
});

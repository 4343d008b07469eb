// How long to wait before the next try: 1, 2, 4, 8, 15 s and then 15 s, each a little off so that
// a thousand pages do not come back in the same instant. Pure.
const STEPS_S = [1, 2, 4, 8, 15];
const JITTER = 0.2;

/** Wait before try number `failures` (0 = the first), in ms; `random` gives [0, 1). */
export const wait_ms = (failures, random = Math.random) =>
  1000 * STEPS_S[Math.min(failures, STEPS_S.length - 1)] * (1 + JITTER * (2 * random() - 1));

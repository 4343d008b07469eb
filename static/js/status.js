// In which state the page is, from what is known of the connection. Pure: the clock is handed in.
export const BLIP_MS = 1000;   // a loss shorter than this is not news
export const SILENT_MS = 5000; // a heartbeat comes every second

/**
 * @param {object} link connected, lost_ms (since when not), frame_ms (last frame or answer), shown (a snapshot is on
 *   the page), problem (problem document or null), leaving (the server said that it goes away)
 * @returns {"loading"|"live"|"reconnecting"|"stale"|"error"|"leaving"}
 */
export function judge({ connected, lost_ms, frame_ms, shown, problem, leaving }, now_ms) {
  if (!connected) {
    if (now_ms - lost_ms >= BLIP_MS) return leaving && now_ms - lost_ms < SILENT_MS ? "leaving" : "reconnecting";
    return leaving ? "leaving" : shown ? "live" : "loading";
  }
  if (problem) return "error";
  if (leaving) return "leaving";
  if (!shown) return now_ms - frame_ms >= SILENT_MS ? "stale" : "loading";
  return now_ms - frame_ms >= SILENT_MS ? "stale" : "live";
}

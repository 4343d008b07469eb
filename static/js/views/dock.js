// The dock: the time slider with play and back to live. Its last place is now; before it are the stops of the past, which
// are fetched when a pointer or the focus comes near.
import { $, text } from "../dom.js";
import { clock } from "../format.js";
import { stopSaid } from "../stops.js";

const UNLISTED = 100;

/** @param rewinder list(), go(number), seek(ms), play(), pause(), live() */
export function dockView(store, rewinder) {
  const dock = $("dock"), slider = $("time"), play = $("play"), live = $("live");

  function draw() {
    const { stops, at, playing, failed } = store.slider, { now_ms, settings } = store;
    const last = stops?.length ?? UNLISTED, stop = at === null ? null : stops[at];
    slider.max = last;
    slider.value = at ?? last;
    slider.disabled = last === 0;
    slider.style.setProperty("--share", last ? (at ?? last) / last : 1);
    const said = stop && stopSaid(stop, now_ms, settings);
    slider.setAttribute("aria-valuetext", said?.whole ?? "Live");
    const first = stops?.[0] && stopSaid(stops[0], now_ms, settings).short;
    text($("dock-from"), stops ? first ?? "No past yet" : "Rewind");
    text($("dock-at"), failed ? "Not to be had now" : said?.short ?? (store.link.frame_at ? clock(store.link.frame_at) : ""));
    text($("play-word"), playing ? "Pause" : "Play");
    play.dataset.playing = playing;
    play.disabled = last === 0;
    live.ariaPressed = String(at === null);
  }

  slider.addEventListener("input", async () => {
    const share = slider.value / slider.max;
    if (!store.slider.stops) await rewinder.list();
    const { stops } = store.slider;
    if (stops) rewinder.go(Math.round(share * stops.length));
  });
  slider.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || store.slider.at === null) return;
    event.stopPropagation();
    rewinder.live();
  });
  for (const event of ["pointerenter", "focusin"]) dock.addEventListener(event, () => rewinder.list());
  play.addEventListener("click", () => (store.slider.playing ? rewinder.pause() : rewinder.play()));
  live.addEventListener("click", () => rewinder.live());
  for (const event of ["past", "place", "boards"]) store.addEventListener(event, draw);
  store.addEventListener("tick", () => { if (!document.hidden) draw(); });
  draw();
}

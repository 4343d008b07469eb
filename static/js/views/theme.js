// Dark, light or as the system has it; remembered. early.js applies it before the first paint.
import { $, text } from "../dom.js";
import { recall, remember } from "../remember.js";

const WORDS = { system: "System", light: "Light", dark: "Dark" };
const ORDER = Object.keys(WORDS);

/** @param onChange called when the colours are others; returns { choose(theme) }, null is the system's */
export function themeView(onChange) {
  const root = document.documentElement, button = $("theme");
  let theme = WORDS[recall("theme")] ? recall("theme") : "system";

  function show() {
    theme === "system" ? delete root.dataset.theme : (root.dataset.theme = theme);
    text($("theme-word"), WORDS[theme]);
    onChange();
  }
  function choose(wanted) {
    theme = wanted ?? "system";
    remember("theme", wanted);
    show();
  }
  button.addEventListener("click", () => {
    const next = ORDER[(ORDER.indexOf(theme) + 1) % ORDER.length];
    choose(next === "system" ? null : next);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", onChange);
  show();
  return { choose };
}

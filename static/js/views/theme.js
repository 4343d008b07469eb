// Dark, light or as the system has it; remembered. early.js applies it before the first paint.
import { $, text } from "../dom.js";
import { recall, remember } from "../remember.js";

const WORDS = { system: "System", light: "Light", dark: "Dark" };
const ORDER = Object.keys(WORDS);

/** @param onChange called when the colours are others */
export function themeView(onChange) {
  const root = document.documentElement, button = $("theme");
  let theme = WORDS[recall("theme")] ? recall("theme") : "system";

  function show() {
    theme === "system" ? delete root.dataset.theme : (root.dataset.theme = theme);
    text($("theme-word"), WORDS[theme]);
    onChange();
  }
  button.addEventListener("click", () => {
    theme = ORDER[(ORDER.indexOf(theme) + 1) % ORDER.length];
    remember("theme", theme === "system" ? null : theme);
    show();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", onChange);
  show();
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { initials } from "../../static/js/initials.js";

test("initials are the first letters of up to two words", () => {
  const told = { "Mika Sato": "MS", nova_k: "NK", "priya.r": "PR", zed: "Z", "Anna Maria Berg": "AM", "Yara M.": "YM", "O'Brien": "O", "p-17": "P1" };
  for (const [name, letters] of Object.entries(told)) assert.equal(initials(name), letters, name);
});

test("a letter of any script is one, also where it is made of several signs", () => {
  const told = {
    "Ελένη Κ.": "ΕΚ", "李小龙": "李", "علي حسن": "عح", "नि राज": "निरा", "\u{1F469}\u200D\u{1F469}\u200D\u{1F467} family": "\u{1F469}\u200D\u{1F469}\u200D\u{1F467}F",
    "\u{1F1E9}\u{1F1EA}": "\u{1F1E9}\u{1F1EA}", "e\u0301mile": "E\u0301", "ßeta": "ß", "ǆ": "Ǆ",
  };
  for (const [name, letters] of Object.entries(told)) assert.equal(initials(name), letters, name);
});

test("quotes, brackets and invisible signs are no initials, unless there is nothing else", () => {
  for (const [name, letters] of Object.entries({ '"ada" (x)': "AX", "\u202Eevil": "E", "[TAG] bob": "TB", "...": ".", " ": " ", "-": "-", "{}": "{" }))
    assert.equal(initials(name), letters, JSON.stringify(name));
});

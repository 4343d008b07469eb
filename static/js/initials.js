// The initials of a name: the first letters of up to two words, of any script; a letter is what a reader takes for one, so
// that a flag or a family of emoji stays whole. Pure.
const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });
const WORDS = /[\s_.\-\/|:,;]+/u;
const MARKS = /^[\p{P}\p{C}\p{Z}]+/u; // quotes, brackets, invisible marks: not what a name begins with

function first(word) {
  const [letter] = graphemes.segment(word);
  const large = letter.segment.toLocaleUpperCase();
  return [...graphemes.segment(large)].length === 1 ? large : letter.segment; // "ß" would become two
}

/** "Mika Sato" -> "MS", "nova_k" -> "NK", "李小龙" -> "李", "👩‍👩‍👧" -> "👩‍👩‍👧"; what has no word has its first sign. */
export function initials(name) {
  const words = name.split(WORDS).map((word) => word.replace(MARKS, "")).filter(Boolean);
  return words.length ? words.slice(0, 2).map(first).join("") : first(name.trim() || name);
}

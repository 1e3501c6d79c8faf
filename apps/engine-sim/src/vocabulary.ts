/**
 * The words a simulated answer is made of. They are invented, so that nobody takes the text for a model's, and so
 * that the end of a prompt which the simulator wrote itself can be told from one which a person wrote. No token is the
 * end of another, so text can be split into them from its end.
 */

const onsets = ["b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z"];
const vowels = ["a", "e", "i", "o", "u"];
const endings = ["n", "r", "l", "s"];

/** Tokens that break careless escaping, UTF-8 decoding and line handling. */
const awkwardTokens = [
  "naïvon ",
  "→zul ",
  '"quovar" ',
  "back\\slun ",
  "日本zen ",
  "🙂mir ",
  "tab<&>ros ",
  "data:vel ",
  "linun.\n",
  "parun.\n",
];

function inventWords(): string[] {
  const words: string[] = [];
  for (const [i, first] of onsets.entries()) {
    for (const [j, vowel] of vowels.entries()) {
      for (const [k, second] of onsets.entries()) {
        const last = vowels[(i + j + k) % vowels.length] ?? "a";
        const ending = endings[(i + k) % endings.length] ?? "n";
        words.push(`${first}${vowel}${second}${last}${ending} `);
      }
    }
  }
  return words;
}

/** All tokens. The order matters: answers are drawn by index. */
export const vocabulary: readonly string[] = [...inventWords(), ...awkwardTokens];

const known = new Set(vocabulary);
const lengths = [...new Set(vocabulary.map((token) => token.length))];

/** Splits `text` into what comes before and the number of vocabulary tokens it ends with. */
export function splitWrittenTokens(text: string): { base: string; tokens: number } {
  let end = text.length;
  let tokens = 0;
  for (;;) {
    const length = lengths.find(
      (candidate) => candidate <= end && known.has(text.slice(end - candidate, end)),
    );
    if (length === undefined) return { base: text.slice(0, end), tokens };
    end -= length;
    tokens += 1;
  }
}

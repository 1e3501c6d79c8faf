/** Prompts that belong to no domain: the generalist should get them. */
import { SeededRandom } from "../seeded-random.js";
import { pick } from "./perturbation.js";

/** Everyday words of no special field. */
const words =
  "about above again almost along already also always another around away back because become before behind below beside better between beyond big blue both bottom box bring brown chair close cold colour corner cup dark day different door down early easy either empty end enough evening every far fast few find first floor follow full garden give glass go gone good great green grey hand hard heavy here high hold home hour house idea inside just keep kind large last late leave left less letter light little long look lot low make many maybe middle minute more morning most move much name near never new next nice night nothing now often old once one only open other outside over own paper part pick piece place put quick quiet quite rain rather ready red rest right river road room round same seem several shelf short side simple since slow small soft some soon stand star start stay still stone street such table take tall than then there thin thing think today together tomorrow too toward tree true turn under until up very wait walk wall want warm water way week well wet when while white whole wide window with without wood yellow yesterday yet".split(
    " ",
  );

const keyboardRows = ["qwertyuiop", "asdfghjkl", "zxcvbnm"];

const smallTalk: readonly string[] = [
  "hello",
  "hi",
  "hey",
  "hey there",
  "good morning",
  "good evening!",
  "ok",
  "ok thanks",
  "thanks",
  "thank you!",
  "thx",
  "great",
  "nice",
  "cool",
  "lol",
  "haha",
  "yes",
  "no",
  "maybe",
  "sure",
  "yes please",
  "no thanks",
  "what?",
  "hm",
  "hmm ok",
  "go on",
  "continue",
  "again",
  "test",
  "testing 123",
  "are you there?",
  "how are you?",
  "what's up",
  "bye",
  "see you",
  "good night",
  "sounds good",
  "got it",
  "I see",
  "never mind",
  "wait",
  "sorry",
  "please",
  "one moment",
  "you're welcome",
  "hello???",
  "yo",
];

const emoji = Array.from("😀😂😍🤔😎😭👍👎🙏🔥✨🎉💯🌧🌈🍕🍎🐱🐶🚗🏠⏰💡📦🎵⚽❤💔👀🤷");

/** First and last code point of letters of scripts other than Latin. */
const scripts: readonly (readonly [number, number])[] = [
  [0x3b1, 0x3c9],
  [0x430, 0x44f],
  [0x5d0, 0x5ea],
  [0x628, 0x64a],
  [0x905, 0x939],
  [0xe01, 0xe2e],
  [0x10d0, 0x10f0],
  [0x3042, 0x3093],
  [0x4e00, 0x9fa5],
  [0xac00, 0xd7a3],
];

type Maker = (random: SeededRandom) => string;

const several = (least: number, most: number, random: SeededRandom, make: Maker, between = ""): string =>
  Array.from({ length: least + random.nextBelow(most - least + 1) }, () => make(random)).join(between);

const makers = {
  "random words": (random) => several(4, 14, random, (from) => pick(words, from), " "),
  "keyboard gibberish": (random) =>
    several(
      2,
      5,
      random,
      (from) => several(3, 9, from, (inner) => pick(Array.from(pick(keyboardRows, inner)), inner)),
      " ",
    ),
  emoji: (random) => several(1, 8, random, (from) => pick(emoji, from)),
  digits: (random) =>
    several(1, 5, random, (from) => several(1, 8, from, (inner) => String(inner.nextBelow(10))), " "),
  "small talk": (random) => pick(smallTalk, random),
  "random characters of other scripts"(random) {
    const [first, last] = pick(scripts, random);
    const letter: Maker = (from) => String.fromCodePoint(first + from.nextBelow(last - first + 1));
    return several(2, 8, random, (from) => several(2, 8, from, letter), " ");
  },
} as const satisfies Record<string, Maker>;

/** Kinds of prompts of no domain. */
export type NoDomainKind = keyof typeof makers;
export const noDomainKinds = Object.keys(makers) as readonly NoDomainKind[];

/** `count` prompts of one kind, the same for the same seed. Small talk repeats itself. */
export function noDomainPrompts(kind: NoDomainKind, count: number, seed: number): string[] {
  const random = new SeededRandom(seed);
  return Array.from({ length: count }, () => makers[kind](random));
}

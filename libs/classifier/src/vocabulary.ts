import { exactLog } from "./exact-math.js";
import { Block, FeatureScanner, featureBlocks, pairHash } from "./feature-scanner.js";
import { HashIndex } from "./hash-index.js";
import type { SparseVector } from "./sparse-rows.js";
import { TokenCache } from "./token-cache.js";
import { TokenCursor } from "./token-cursor.js";

/** Sublinear term frequency 1 + ln(tf), for tf up to 255; beyond, as for 255. */
const dampedCounts = Float64Array.from({ length: 256 }, (_, count) =>
  count === 0 ? 0 : 1 + exactLog(count),
);

/** Length of each block in a vector, found by leaving whole sources out. The squares need not add up to 1. */
const blockWeights = [1, 1.5, 0.3, 1] as const;

/** Words that a router knows before it has seen a text: their hashes in the `meaning` block, and their weights. */
export interface KnownWords {
  readonly weights: Float32Array;
  hashes(): Uint32Array;
}

/** The features a router knows: their hashes, blocks and inverse document frequencies. Ids are positions. */
export class Vocabulary {
  private readonly index: HashIndex;
  private readonly tokens = new TokenCursor();
  private readonly scanner = new FeatureScanner();
  private readonly cache = new TokenCache();
  private tokenIds = new Int32Array(64);
  /** Block · 256 + occurrences in the text under way, up to 255: two bytes a feature, so that they stay near the processor. */
  private readonly states: Uint16Array;
  /** Features of the text read last, and their weights. They serve every text: a new array for each would cost more than filling it. */
  readonly foundIds: Int32Array;
  readonly foundWeights: Float32Array;
  private found = 0;
  private readonly scales = new Float64Array(featureBlocks.length);

  constructor(
    readonly hashes: Uint32Array,
    readonly blocks: Uint8Array,
    readonly idf: Float32Array,
    /** Of all `hashes`, where it has been made already. */
    index?: HashIndex,
  ) {
    if (index === undefined) {
      this.index = new HashIndex(hashes.length);
      indexFeatures(this.index, hashes, 0, hashes.length);
    } else {
      this.index = index;
    }
    this.states = new Uint16Array(hashes.length);
    for (let id = 0; id < hashes.length; id++) this.states[id] = blocks[id]! << 8;
    this.foundIds = new Int32Array(hashes.length);
    this.foundWeights = new Float32Array(hashes.length);
  }

  get size(): number {
    return this.hashes.length;
  }

  /** Id of the first feature of the `meaning` block, which comes last. */
  get firstMeaning(): number {
    const first = this.blocks.indexOf(Block.meaning);
    return first < 0 ? this.size : first;
  }

  /** What {@link read} finds in `text`, as arrays of its own. */
  vectorize(text: string): SparseVector {
    const found = this.read(text);
    return { ids: this.foundIds.slice(0, found), weights: this.foundWeights.slice(0, found) };
  }

  /**
   * tf-idf of `text`: (1 + ln tf) · idf, every block brought to unit length and then scaled by its weight. Returns the
   * number of features; they stand in {@link foundIds} and {@link foundWeights} until the next call.
   */
  read(text: string): number {
    this.count(text);
    const { found, states, foundIds, foundWeights, scales } = this;
    scales.fill(0);
    for (let index = 0; index < found; index++) {
      const state = states[foundIds[index]!]!;
      const weight = dampedCounts[state & 0xff]! * foundWeights[index]!;
      foundWeights[index] = weight;
      scales[state >>> 8]! += weight * weight;
    }
    for (let block = 0; block < scales.length; block++)
      if (scales[block]! > 0) scales[block] = blockWeights[block]! / Math.sqrt(scales[block]!);
    for (let index = 0; index < found; index++) {
      const id = foundIds[index]!;
      const block = states[id]! >>> 8;
      states[id] = block << 8;
      foundWeights[index]! *= scales[block]!;
    }
    return found;
  }

  /** Counts the features of `text`, in the order of the scanner. */
  private count(text: string): void {
    const { tokens, cache, index } = this;
    this.found = 0;
    tokens.open(text);
    let previous = 0;
    while (tokens.next()) {
      if (cache.find(tokens)) this.countRemembered(cache.start, cache.count);
      else this.countNew(tokens);
      const pair = index.get(pairHash(previous, tokens.hash));
      if (pair >= 0) this.countOne(pair, this.idf[pair]!);
      previous = tokens.hash;
    }
  }

  private countRemembered(start: number, count: number): void {
    const { ids, weights } = this.cache;
    for (let at = start; at < start + count; at++) this.countOne(ids[at]!, weights[at + count]!);
  }

  private countNew(token: TokenCursor): void {
    const length = this.scanner.scanToken(token);
    if (length > this.tokenIds.length) this.tokenIds = new Int32Array(2 * length);
    let known = 0;
    for (let at = 0; at < length; at++) {
      const id = this.index.get(this.scanner.hashes[at]!);
      if (id < 0) continue;
      this.tokenIds[known++] = id;
      this.countOne(id, this.idf[id]!);
    }
    this.cache.put(token, this.tokenIds, known, this.idf);
  }

  private countOne(id: number, idf: number): void {
    const state = this.states[id]!;
    if ((state & 0xff) === 0) {
      this.foundIds[this.found] = id;
      this.foundWeights[this.found++] = idf;
    }
    if ((state & 0xff) < 255) this.states[id] = state + 1;
  }
}

/**
 * Enters the features from `from` to before `to`, in their order: of two with one hash the first is found, and the
 * number of every other stays what it is. A plain loop, because an iterator would take ten times as long.
 */
export function indexFeatures(index: HashIndex, hashes: Uint32Array, from: number, to: number): void {
  for (let id = from; id < to; id++) index.put(hashes[id]!, id);
}

/**
 * Learns the vocabulary of a set of texts: every feature that stands in at least `minTexts` of them, the
 * commonest first up to `maxFeatures` a block. Smoothed idf: ln((1 + n) / (1 + df)) + 1. The words of `known`
 * come last, all of them, with their own weights: what they mean is known, whether or not a text holds them.
 */
export function learnVocabulary(
  texts: readonly string[],
  options: { minTexts: number; maxFeatures: number; known?: KnownWords | undefined },
): Vocabulary {
  const scanner = new FeatureScanner();
  const index = new HashIndex(1 << 20);
  let hashes = new Uint32Array(1 << 20);
  let blocks = new Uint8Array(1 << 20);
  let lastText = new Int32Array(1 << 20).fill(-1);
  let frequencies = new Int32Array(1 << 20);
  for (const [row, text] of texts.entries()) {
    const length = scanner.scan(text);
    for (let at = 0; at < length; at++) {
      const id = index.add(scanner.hashes[at]!);
      if (id >= hashes.length) {
        const grown = hashes.length * 2;
        hashes = grow(hashes, new Uint32Array(grown));
        blocks = grow(blocks, new Uint8Array(grown));
        lastText = grow(lastText, new Int32Array(grown).fill(-1));
        frequencies = grow(frequencies, new Int32Array(grown));
      }
      if (lastText[id] === row) continue;
      hashes[id] = scanner.hashes[at]!;
      blocks[id] = scanner.blocks[at]!;
      lastText[id] = row;
      frequencies[id]!++;
    }
  }
  const kept: number[] = [];
  for (const block of featureBlocks.keys()) {
    if (block === Block.meaning) continue;
    const candidates: number[] = [];
    for (let id = 0; id < index.size; id++)
      if (blocks[id] === block && frequencies[id]! >= options.minTexts) candidates.push(id);
    candidates.sort((a, b) => frequencies[b]! - frequencies[a]! || hashes[a]! - hashes[b]!);
    kept.push(...candidates.slice(0, options.maxFeatures));
  }
  const known = options.known?.hashes() ?? new Uint32Array();
  const size = kept.length + known.length;
  const learned = {
    hashes: new Uint32Array(size),
    blocks: new Uint8Array(size).fill(Block.meaning),
    weights: new Float32Array(size),
  };
  for (const [at, id] of kept.entries()) {
    learned.hashes[at] = hashes[id]!;
    learned.blocks[at] = blocks[id]!;
    learned.weights[at] = exactLog((1 + texts.length) / (1 + frequencies[id]!)) + 1;
  }
  learned.hashes.set(known, kept.length);
  if (options.known !== undefined) learned.weights.set(options.known.weights, kept.length);
  return new Vocabulary(learned.hashes, learned.blocks, learned.weights);
}

function grow<T extends Uint32Array | Uint8Array | Int32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

import { Tokenizer } from "@huggingface/tokenizers";

/** The part of the package that is used. Its own types import each other without suffix, which Node's resolution does not follow. */
interface HuggingFaceTokenizer {
  encode(text: string, options?: { add_special_tokens?: boolean }): { ids: number[] };
}

/** What a text has to be, to become tokens. */
export interface TokenizingOptions {
  /** Tokens that a text may have, those around it included; what comes behind them is cut off. */
  readonly maxTokens: number;
  /** Stands before every text. */
  readonly prefix: string;
  readonly lowerCase: boolean;
}

/** Characters that are looked at: beyond them a text says nothing new, and a tokenizer needs a second for a megabyte. */
const maxChars = 65_536;

/** Characters a token is given at first: with fewer tokens than fit, the whole text is read after all. */
const charsPerToken = 8;

/** Texts that a tokenizer surely knows how to split, to see what it puts around them. */
const samples = ["a", "hello", "1"];

/** Text → token ids of one `tokenizer.json`, cut as the Python tokenizers do: the tokens around the text stay. */
export class TextTokenizer {
  private readonly tokenizer: HuggingFaceTokenizer;
  /** Ids before and behind every text, such as [CLS] and [SEP]. */
  private readonly before: readonly number[];
  private readonly behind: readonly number[];
  /** Tokens of its own that a text may have. */
  private readonly room: number;

  /** @throws Error when the tokenizer is of a kind that cannot be used. */
  constructor(
    definition: object,
    config: object,
    private readonly options: TokenizingOptions,
  ) {
    this.tokenizer = new Tokenizer(definition, config) as HuggingFaceTokenizer;
    const around = this.idsAround();
    this.before = around.before;
    this.behind = around.behind;
    this.room = options.maxTokens - this.before.length - this.behind.length;
    if (this.room < 1) throw new Error(`${options.maxTokens} tokens leave no room for a text`);
  }

  /** Token ids of `text`: at least one, at most `maxTokens`. */
  encode(text: string): number[] {
    const { prefix, lowerCase } = this.options;
    const whole = (prefix + (text.length > maxChars ? text.slice(0, maxChars) : text)).trim();
    const read = lowerCase ? whole.toLowerCase() : whole;
    let ids = this.split(this.headOf(read));
    // The last token of the head may be half of one, so it has to lie outside.
    if (ids.length <= this.room) ids = this.split(read);
    const all = [...this.before, ...ids.slice(0, this.room), ...this.behind];
    // A tokenizer that puts nothing around an empty text leaves nothing to run the model on.
    return all.length > 0 ? all : this.split(samples[0]!).slice(0, 1);
  }

  private split(text: string): number[] {
    return text === "" ? [] : this.tokenizer.encode(text, { add_special_tokens: false }).ids;
  }

  /** The beginning of `text` up to a blank, long enough for most texts to fill the room. */
  private headOf(text: string): string {
    const most = this.room * charsPerToken;
    if (text.length <= most) return text;
    const blank = text.lastIndexOf(" ", most);
    return blank <= 0 ? text : text.slice(0, blank);
  }

  private idsAround(): { before: number[]; behind: number[] } {
    for (const sample of samples) {
      const own = this.split(sample);
      const all = this.tokenizer.encode(sample).ids;
      if (own.length === 0 || all.some((id) => !Number.isInteger(id))) continue;
      const at = all.findIndex((_, from) => own.every((id, of) => all[from + of] === id));
      if (at >= 0) return { before: all.slice(0, at), behind: all.slice(at + own.length) };
    }
    throw new Error("its tokens around a text cannot be told from the text's own");
  }
}

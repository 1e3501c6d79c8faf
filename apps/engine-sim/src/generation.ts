import type { AnswerFormat, SimUsage } from "./answer-format.js";
import type { PlannedFault } from "./fault.js";
import type { SimulatedAnswer } from "./simulated-answer.js";
import { quoteToken, type WireText } from "./wire-text.js";

/** Where a generation's output goes. */
export interface AnswerSink {
  /** The reader is slow: produce nothing for now. */
  readonly blocked: boolean;
  write(text: WireText): void;
  /** `text` is the last of a stream, if it streams. */
  end(text: WireText): void;
  /** Breaks the connection off; `inside`: behind the beginning of a chunk that would have been longer. */
  cut(inside?: WireText): void;
}

/** What is generated for one request, and how. */
export interface GenerationPlan {
  /** One for each choice, generated side by side. */
  readonly answers: readonly SimulatedAnswer[];
  readonly promptTokens: number;
  readonly format: AnswerFormat;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  readonly fault: PlannedFault | undefined;
  /** Asked when it leaves the queue: prompt tokens that the prefix cache holds. Undefined where there is no cache. */
  readonly lookUpPrefix?: (() => number) | undefined;
  readonly onFinished?: (() => void) | undefined;
}

/** Most tokens a choice emits in one tick, so that a stall of the process does not end in one huge write. */
const maxStepsPerTick = 256;
const endlessLineBytes = 64 * 1024 * 1024;
const endlessPart: WireText = "x".repeat(1024 * 1024);

/** One request being generated. A step is one token of every choice. */
export class Generation {
  readonly plan: GenerationPlan;
  readonly sink: AnswerSink;
  /** When the next step is due, on the scheduler's clock. */
  nextStepMs = 0;
  /** Tokens generated, of all choices. */
  generated = 0;
  /** Prompt tokens that the prefix cache held. */
  cachedTokens = 0;
  private step = 0;
  private readonly steps: number;
  /** The step before which a fault in the middle strikes. */
  private readonly faultStep: number;
  private readonly heads: readonly WireText[];
  private endlessBytes = 0;

  constructor(plan: GenerationPlan, sink: AnswerSink) {
    this.plan = plan;
    this.sink = sink;
    this.steps = Math.max(0, ...plan.answers.map((answer) => answer.tokens.length));
    this.faultStep =
      plan.fault === undefined
        ? Infinity
        : Math.min(this.steps, Math.max(1, Math.floor(this.steps * plan.fault.after)));
    this.heads = plan.stream ? plan.answers.map((_, choice) => plan.format.head(choice)) : [];
  }

  get usage(): SimUsage {
    const { promptTokens, lookUpPrefix } = this.plan;
    return {
      prompt_tokens: promptTokens,
      completion_tokens: this.generated,
      total_tokens: promptTokens + this.generated,
      ...(lookUpPrefix !== undefined && { prompt_tokens_details: { cached_tokens: this.cachedTokens } }),
    };
  }

  /** It left the queue. */
  admitted(): void {
    this.cachedTokens = this.plan.lookUpPrefix?.() ?? 0;
  }

  /** Does the steps that are due, in one write. True when nothing is left to do. */
  advance(nowMs: number, stepMs: number): boolean {
    if (nowMs < this.nextStepMs || this.sink.blocked) return false;
    const { plan } = this;
    const fault = plan.fault?.fault;
    if (fault === "hang-before" || (fault === "hang-mid" && this.step >= this.faultStep)) return false;
    let out = this.step === 0 && plan.stream ? this.opening() : "";
    const lastStep = Math.min(this.steps, this.faultStep, this.step + maxStepsPerTick);
    while (this.step < lastStep && nowMs >= this.nextStepMs) {
      out += this.takeStep();
      this.nextStepMs += stepMs;
    }
    if (this.step >= this.faultStep) return this.strike(out);
    if (this.step >= this.steps) {
      this.finish(out);
      return true;
    }
    if (out !== "") this.sink.write(out);
    return false;
  }

  private opening(): WireText {
    return this.plan.answers.map((_, choice) => this.plan.format.opening(choice)).join("");
  }

  private takeStep(): WireText {
    const { answers, stream, format } = this.plan;
    let out = "";
    for (let choice = 0; choice < answers.length; choice += 1) {
      const answer = answers[choice] as SimulatedAnswer;
      const token = answer.tokens[this.step];
      if (token === undefined) continue;
      this.generated += 1;
      if (!stream) continue;
      out += this.heads[choice] + quoteToken(token) + format.tail;
      if (this.step === answer.tokens.length - 1) out += format.finish(choice, answer.finishReason);
    }
    this.step += 1;
    return out;
  }

  private finish(out: WireText): void {
    const { answers, stream, includeUsage, format } = this.plan;
    if (!stream) return this.sink.end("");
    // A choice without a single token had no step in which to say that it ends.
    const empty = answers.map((answer, choice) =>
      answer.tokens.length === 0 ? format.finish(choice, answer.finishReason) : "",
    );
    this.sink.end(out + empty.join("") + format.closing(includeUsage ? this.usage : undefined));
  }

  private strike(out: WireText): boolean {
    switch (this.plan.fault?.fault) {
      case "hang-mid":
        this.sink.write(out);
        return false;
      case "garbage":
        this.sink.end(`${out}data: {"id":"chatcmpl-\u0001\u00ff\n\n`);
        return true;
      case "end-mid":
        this.sink.end(out);
        return true;
      case "endless-line":
        return this.goOnWithLine(out);
      case "cut-chunk":
        this.sink.cut(`${out}${this.heads[0] ?? ""}"half a wo`);
        return true;
      case "error-after-200":
        this.sink.end(out + this.plan.format.failure("injected fault: error-after-200"));
        return true;
      default:
        if (out !== "") this.sink.write(out);
        this.sink.cut();
        return true;
    }
  }

  private goOnWithLine(out: WireText): boolean {
    this.sink.write(this.endlessBytes === 0 ? `${out}data: {"id":"${endlessPart}` : endlessPart);
    this.endlessBytes += endlessPart.length;
    if (this.endlessBytes < endlessLineBytes) return false;
    this.sink.cut();
    return true;
  }
}

import { EvaluationTally, mcnemarProbability, type PairedCounts } from "@expert-router/classifier";
import type { PlacedPrompt } from "./placed-prompt.js";
import type { RouterJudge } from "./router-judge.js";

/** The other router of `--against`, on the same prompts. */
export interface AgainstFigures extends PairedCounts {
  readonly router: string;
  readonly version: string;
  readonly accuracy: number;
  readonly macro_f1: number;
  /** Probability of a difference as great as this one by chance alone. */
  readonly p: number;
}

/** Judges the other router prompt by prompt beside the first. */
export class Comparison {
  private readonly tally: EvaluationTally;
  private readonly counts = { both_right: 0, only_first: 0, only_second: 0, both_wrong: 0 };

  constructor(private readonly other: RouterJudge) {
    this.tally = new EvaluationTally(other.domains);
  }

  /** Adds prompts and whether the first router was right about each. */
  async add(window: readonly PlacedPrompt[], firstRight: readonly boolean[]): Promise<void> {
    const results = await this.other.classify(window.map(({ prompt }) => prompt.text));
    for (const [at, result] of results.entries()) {
      const { prompt, place } = window[at]!;
      const truth = this.other.indexOf(prompt.domain, place);
      const right = this.tally.addDistribution(truth, this.other.judge(result).domains) === truth;
      if (firstRight[at]) this.counts[right ? "both_right" : "only_first"]++;
      else this.counts[right ? "only_second" : "both_wrong"]++;
    }
  }

  summarize(): AgainstFigures {
    const { accuracy, macro_f1 } = this.tally.summarize();
    const { dir: router, classifier } = this.other;
    const p = mcnemarProbability(this.counts.only_first, this.counts.only_second);
    return {
      router,
      version: classifier.version,
      accuracy,
      macro_f1,
      ...this.counts,
      p: Number(p.toPrecision(3)),
    };
  }
}

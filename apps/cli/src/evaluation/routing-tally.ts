import type { ExpertDecision } from "@expert-router/classifier";
import type { RouterJudge } from "./router-judge.js";

/** How prompts are routed by a configuration or a threshold. */
export interface RoutingFigures {
  readonly threshold: number;
  /** Id of the generalist. */
  readonly generalist: string;
  /** Share of prompts that reach an expert which answers their domain. */
  readonly expert_accuracy: number;
  /** Share that the generalist gets, be it the best match or for want of confidence. */
  readonly generalist_share: number;
  /** Share that stays below the threshold. */
  readonly below_threshold: number;
  /** Expert accuracy among the prompts at or above the threshold. */
  readonly accuracy_above: number;
}

/** Counts decisions that are right for the domain of their prompt. */
export class RoutingTally {
  private n = 0;
  private right = 0;
  private generalist = 0;
  private sure = 0;
  private sureAndRight = 0;

  constructor(private readonly judge: RouterJudge) {}

  add(domain: number, decision: ExpertDecision): void {
    const right = this.judge.isRight(decision, domain);
    this.n++;
    if (right) this.right++;
    if (decision.expert === this.judge.policy.fallback) this.generalist++;
    if (decision.reason === "below-threshold") return;
    this.sure++;
    if (right) this.sureAndRight++;
  }

  summarize(): RoutingFigures {
    const share = (part: number, whole = this.n): number =>
      whole === 0 ? 0 : Math.round((part / whole) * 10_000) / 10_000;
    return {
      threshold: this.judge.policy.threshold,
      generalist: this.judge.policy.fallback,
      expert_accuracy: share(this.right),
      generalist_share: share(this.generalist),
      below_threshold: share(this.n - this.sure),
      accuracy_above: share(this.sureAndRight, this.sure),
    };
  }
}

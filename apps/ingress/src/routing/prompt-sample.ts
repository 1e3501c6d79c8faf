import type { ExpertDecision } from "@expert-router/classifier";
import type { KeepPromptsConfig } from "@expert-router/config";
import type { KeptPrompt } from "@expert-router/contracts";
import type { RouterMetrics } from "@expert-router/telemetry";

/** Where kept prompts go. */
export interface PromptKeeping {
  add(prompt: KeptPrompt, bounds: KeepPromptsConfig): Promise<number>;
  trim(bounds: KeepPromptsConfig): Promise<number>;
}

/** Writes under way at most; a Redis that is slow loses samples, not memory. */
const maxUnderWay = 32;

/** Keeps a sample of the routed prompts for retraining, where the operator has turned that on. Never delays a request. */
export class PromptSample {
  private underWay = 0;

  constructor(
    private readonly config: KeepPromptsConfig | undefined,
    private readonly keeping: PromptKeeping,
    private readonly metrics: RouterMetrics,
    private readonly random: () => number = Math.random,
  ) {}

  /** Takes the prompt into the sample, or not. `turns` is what the decision was made from. */
  offer(id: string, turns: readonly string[], decision: ExpertDecision): void {
    const text = turns.at(-1);
    if (this.config === undefined || text === undefined || this.random() >= this.config.sample) return;
    if (this.underWay >= maxUnderWay) return this.metrics.keptPrompts.inc({ result: "dropped" });
    this.underWay++;
    void this.keep(this.config, {
      text,
      id,
      source: "live",
      expert: decision.expert,
      cluster: decision.cluster,
      confidence: decision.confidence,
      reason: decision.reason,
      router_version: decision.routerVersion,
    });
  }

  /** Removes what is too old; to be called now and then. */
  async trim(): Promise<void> {
    if (this.config !== undefined) await this.keeping.trim(this.config);
  }

  private async keep(config: KeepPromptsConfig, prompt: KeptPrompt): Promise<void> {
    try {
      await this.keeping.add(prompt, config);
      this.metrics.keptPrompts.inc({ result: "kept" });
    } catch {
      this.metrics.keptPrompts.inc({ result: "dropped" });
    } finally {
      this.underWay--;
    }
  }
}

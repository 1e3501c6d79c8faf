import type { ChatMessage } from "@expert-router/contracts";
import {
  assignClasses,
  classifiedText,
  decideExpert,
  decideWithoutText,
  RouterError,
  type ExpertDecision,
  type RoutingPolicy,
} from "@expert-router/classifier";
import { Classifier } from "./classifier.js";

/** What {@link ExpertRouter.load} needs; a `SystemConfig` holds all of it. */
export interface ExpertRouterOptions extends RoutingPolicy {
  /** Folder of the router artifact. May be left out with a single expert. */
  readonly artifact?: string | undefined;
}

/** Decides which expert answers a prompt. One per process: it owns an ONNX session. */
export class ExpertRouter {
  private constructor(
    private readonly policy: RoutingPolicy,
    private readonly classifier: Classifier | undefined,
    private readonly owners: Int32Array,
  ) {}

  /**
   * Loads the artifact and checks it against the experts.
   * @throws RouterError if the artifact is broken or does not fit the experts.
   */
  static async load(options: ExpertRouterOptions): Promise<ExpertRouter> {
    const { artifact, experts, fallback, threshold } = options;
    const policy = { experts, fallback, threshold };
    if (artifact === undefined) {
      if (experts.length === 1) return new ExpertRouter(policy, undefined, new Int32Array());
      throw new RouterError(
        "policy_mismatch",
        `${experts.length} experts need a router artifact to choose between them`,
      );
    }
    const classifier = await Classifier.load(artifact);
    try {
      return new ExpertRouter(policy, classifier, assignClasses(policy, classifier.labels));
    } catch (error) {
      await classifier.close();
      throw error;
    }
  }

  /** Version of the loaded artifact; null without one. */
  get version(): string | null {
    return this.classifier?.version ?? null;
  }

  /** Routes a text or a conversation. Concurrent calls share one run of the model. */
  async route(input: string | readonly ChatMessage[]): Promise<ExpertDecision> {
    if (this.classifier === undefined || this.policy.experts.length === 1) {
      return decideWithoutText(this.policy, "single-expert", this.version);
    }
    const text = classifiedText(input);
    if (text === "") return decideWithoutText(this.policy, "no-text", this.version);
    const { probabilities, labels } = await this.classifier.classify(text);
    return decideExpert(this.policy, {
      probabilities,
      labels,
      owners: this.owners,
      routerVersion: this.classifier.version,
    });
  }

  /** Waits for the calls under way and frees the session. */
  async close(): Promise<void> {
    await this.classifier?.close();
  }
}

import type { ChatMessage, Explanation } from "@expert-router/contracts";
import {
  assignClasses,
  classifiedTurns,
  decideConversation,
  decideWithoutText,
  explainDecision,
  RouterError,
  type ClassProbabilities,
  type ExpertDecision,
  type RouterManifest,
  type RoutingPolicy,
} from "@expert-router/classifier";
import { Classifier, type Classification } from "./classifier.js";

/** What {@link ExpertRouter.load} needs; a `SystemConfig` holds all of it. */
export interface ExpertRouterOptions extends RoutingPolicy {
  /** Folder of the router artifact. May be left out with a single expert. */
  readonly artifact?: string | undefined;
}

/** The part of a {@link Classifier} that routing needs. */
export type RoutingClassifier = Pick<
  Classifier,
  "classifyAll" | "explain" | "labels" | "version" | "manifest" | "close"
>;

/** A decision with its reason for people. */
export interface ExplainedDecision {
  readonly decision: ExpertDecision;
  readonly explanation: Explanation;
}

type Input = string | readonly ChatMessage[];

/** Decides which expert answers a prompt, by one artifact. Owns an ONNX session. */
export class ExpertRouter {
  private underWay = 0;
  private idle: (() => void) | undefined;
  private closing: Promise<void> | undefined;

  /** Of a classifier that is loaded; {@link load} does both. `owners` gives each class its expert. */
  constructor(
    private readonly policy: RoutingPolicy,
    private readonly classifier: RoutingClassifier | undefined,
    private readonly owners: Int32Array,
  ) {}

  /**
   * Loads the artifact and checks it against the experts.
   * @throws RouterError if the artifact is broken or does not fit the experts.
   */
  static async load(options: ExpertRouterOptions): Promise<ExpertRouter> {
    const { artifact, experts, fallback, threshold, stickiness } = options;
    const policy = { experts, fallback, threshold, stickiness };
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

  /** Manifest of the loaded artifact; undefined without one. */
  get manifest(): RouterManifest | undefined {
    return this.classifier?.manifest;
  }

  /** Routes a text or a conversation. Concurrent calls share one run of the model. */
  async route(input: Input): Promise<ExpertDecision> {
    return this.routeTurns(classifiedTurns(input));
  }

  /** Routes what `classifiedTurns` made of a request, so that several routers can share that work. */
  async routeTurns(turns: readonly string[]): Promise<ExpertDecision> {
    this.underWay++;
    try {
      return await this.decide(turns);
    } finally {
      this.underWay--;
      if (this.underWay === 0) this.idle?.();
    }
  }

  /** Routes and says why. */
  async explain(input: Input): Promise<ExplainedDecision> {
    this.underWay++;
    try {
      const turns = classifiedTurns(input);
      const decision = await this.decide(turns);
      const asked = decision.cluster !== null;
      const terms = asked ? await this.classifier?.explain(turns.at(-1)!) : undefined;
      return { decision, explanation: explainDecision(this.policy, decision, terms) };
    } finally {
      this.underWay--;
      if (this.underWay === 0) this.idle?.();
    }
  }

  /** Waits for the calls under way and frees the session. A call made afterwards is a mistake of the caller. */
  async close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  private async end(): Promise<void> {
    if (this.underWay > 0) await new Promise<void>((resolve) => (this.idle = resolve));
    await this.classifier?.close();
  }

  private async decide(turns: readonly string[]): Promise<ExpertDecision> {
    const { classifier } = this;
    if (classifier === undefined || this.policy.experts.length === 1)
      return decideWithoutText(this.policy, "single-expert", this.version);
    // Without stickiness the turns before the last have no say.
    const [first, ...later] = (this.policy.stickiness ?? 0) === 0 ? turns.slice(-1) : turns;
    if (first === undefined) return decideWithoutText(this.policy, "no-text", this.version);
    const all = await classifier.classifyAll([first, ...later]);
    const of = ({ probabilities, labels, features }: Classification): ClassProbabilities => ({
      probabilities,
      labels,
      features,
      owners: this.owners,
      routerVersion: classifier.version,
    });
    return decideConversation(this.policy, [of(all[0]!), ...all.slice(1).map(of)]);
  }
}

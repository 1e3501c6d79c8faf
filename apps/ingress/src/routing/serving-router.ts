import { classifiedTurns, type ExpertDecision } from "@expert-router/classifier";
import { CodedError, type ChatMessage, type RouterStatus } from "@expert-router/contracts";
import type { ExplainedDecision } from "@expert-router/embedder";
import type { RouterMetrics } from "@expert-router/telemetry";
import type { PromptRouter } from "../wiring/ports.js";
import type { DecisionFailures } from "./decision-failures.js";
import type { PromptSample } from "./prompt-sample.js";
import { shareOf, type RequestOrigin } from "./prompt-share.js";
import type { RouterLineup } from "./router-lineup.js";
import { ShadowDecisions } from "./shadow-decisions.js";
import type { TrafficDrift } from "./traffic-drift.js";

/** What a {@link ServingRouter} is made of. */
export interface ServingRouterParts {
  readonly lineup: RouterLineup;
  readonly drift: TrafficDrift;
  readonly sample: PromptSample;
  readonly metrics: RouterMetrics;
  readonly log: DecisionFailures;
}

/** Decisions under way at once: more would only wait. */
const maxUnderWay = 4_096;
/** So few are let in however long the oldest has been waiting. */
const fewUnderWay = 64;
/** A request that would wait longer than this for its decision alone is better sent again later. */
const maxDecisionMs = 5_000;

/** The {@link PromptRouter} of this process: the version whose turn it is decides, and what it decides is watched. */
export class ServingRouter implements PromptRouter {
  private readonly shadows: ShadowDecisions;
  /** When each decision under way began, the oldest first: the next one has to expect at least as long a wait. */
  private readonly underWay = new Set<{ readonly startedAt: number }>();

  constructor(private readonly parts: ServingRouterParts) {
    const { lineup, metrics, log } = parts;
    this.shadows = new ShadowDecisions(metrics, log, (router) => lineup.serving.candidate === router);
  }

  get version(): string | null {
    return this.parts.lineup.serving.active.version;
  }

  /** @throws CodedError `router_overloaded` when so many decisions are under way that another one would wait for seconds. */
  async route(input: string | readonly ChatMessage[], origin: RequestOrigin): Promise<ExpertDecision> {
    const turns = classifiedTurns(input);
    const decision = await this.admitted(
      async () => (await this.byCandidate(turns, origin)) ?? this.byActive(turns),
    );
    if (decision.cluster !== null) this.parts.metrics.confidence.observe(decision.confidence);
    this.parts.sample.offer(origin.id, turns, decision);
    return decision;
  }

  /** What the active version would decide. Nothing is counted: nobody is served. */
  async explain(input: string | readonly ChatMessage[]): Promise<ExplainedDecision> {
    return this.admitted(() => this.parts.lineup.serving.active.explain(input));
  }

  status(): RouterStatus {
    const { lineup, drift } = this.parts;
    const { active, candidate, percent, shadow } = lineup.serving;
    return {
      object: "router",
      revision: lineup.revision,
      overridden: lineup.isOverridden,
      base: { version: lineup.baseVersion },
      active: { version: active.version },
      candidate: candidate === undefined ? null : { version: candidate.version },
      percent: candidate === undefined ? 0 : percent,
      shadow: candidate !== undefined && shadow,
      refusals: lineup.refusals.map(({ role, code, at_ms: atMs }) => ({
        role,
        code,
        at: new Date(atMs).toISOString(),
      })),
      drift: drift.summary(active),
    };
  }

  private async admitted<Result>(decide: () => Promise<Result>): Promise<Result> {
    const { underWay } = this;
    const call = { startedAt: performance.now() };
    const [oldest = call] = underWay;
    const waitMs = call.startedAt - oldest.startedAt;
    if (underWay.size >= maxUnderWay || (underWay.size >= fewUnderWay && waitMs > maxDecisionMs)) {
      throw new CodedError("router_overloaded", "Too many prompts wait to be classified.", {
        retryAfterS: Math.max(1, Math.ceil(waitMs / 1_000)),
      });
    }
    underWay.add(call);
    try {
      return await decide();
    } finally {
      underWay.delete(call);
    }
  }

  /** The candidate's decision, if it is its turn. One that fails at it does not harm the request. */
  private async byCandidate(
    turns: readonly string[],
    origin: RequestOrigin,
  ): Promise<ExpertDecision | undefined> {
    const { candidate, percent } = this.parts.lineup.serving;
    if (candidate === undefined || percent === 0 || shareOf(origin) * 100 >= percent) return undefined;
    const { metrics } = this.parts;
    try {
      const decision = await candidate.routeTurns(turns);
      metrics.decisions.inc({ role: "candidate" });
      return decision;
    } catch (error) {
      metrics.candidateFailures.inc();
      this.parts.log.failed("candidate", candidate.version, error);
      return undefined;
    }
  }

  /** A version is asked in the same turn in which it is looked up: one that was replaced before is closed by now. */
  private async byActive(turns: readonly string[]): Promise<ExpertDecision> {
    const { lineup, drift, metrics } = this.parts;
    const { active, candidate, shadow } = lineup.serving;
    const decision = await active.routeTurns(turns);
    metrics.decisions.inc({ role: "active" });
    // A version that was replaced while it decided has no window any more.
    if (lineup.serving.active === active) drift.observe(active, decision);
    if (shadow && candidate !== undefined) this.shadows.offer(candidate, turns, decision);
    return decision;
  }
}

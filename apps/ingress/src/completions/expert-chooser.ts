import {
  CodedError,
  type ChatMessage,
  type DecisionRecord,
  type PriorityClass,
} from "@expert-router/contracts";
import { Inject, Injectable } from "@nestjs/common";
import { INGRESS_CONTEXT, INGRESS_PORTS } from "../wiring/injection-tokens.js";
import type { IngressContext } from "../wiring/ingress-options.js";
import type { IngressPorts } from "../wiring/ports.js";
import type { RequestOrigin } from "../routing/prompt-share.js";
import { Spillover } from "./spillover.js";

/** The model id that asks for classification. */
export const autoModel = "auto";

/** Turns the `model` of a request into a decision. */
@Injectable()
export class ExpertChooser {
  private readonly experts: ReadonlySet<string>;

  constructor(
    @Inject(INGRESS_CONTEXT) private readonly context: IngressContext,
    @Inject(INGRESS_PORTS) private readonly ports: IngressPorts,
    @Inject(Spillover) private readonly spillover: Spillover,
  ) {
    this.experts = new Set(context.settings.system.experts.map((expert) => expert.id));
  }

  /** @throws CodedError `model_not_found` for a model that is neither `auto` nor an expert. */
  async choose(
    model: string,
    input: string | readonly ChatMessage[],
    origin: RequestOrigin,
    priorityClass: PriorityClass,
  ): Promise<DecisionRecord> {
    const decision =
      model === autoModel ? await this.classify(input, origin, priorityClass) : this.pin(model);
    this.context.metrics.routeDecisions.inc({ expert: decision.expert, reason: decision.reason });
    return decision;
  }

  private async classify(
    input: string | readonly ChatMessage[],
    origin: RequestOrigin,
    priorityClass: PriorityClass,
  ): Promise<DecisionRecord> {
    const startedAt = performance.now();
    const decision = await this.ports.router.route(input, origin);
    this.context.metrics.classifySeconds.observe((performance.now() - startedAt) / 1_000);
    const { cluster, confidence, routerVersion } = decision;
    return { cluster, confidence, routerVersion, ...this.spillover.weigh(decision, priorityClass) };
  }

  private pin(model: string): DecisionRecord {
    if (!this.experts.has(model)) throw modelNotFound(model);
    return {
      expert: model,
      cluster: null,
      confidence: 1,
      reason: "pinned",
      routerVersion: this.ports.router.version,
    };
  }
}

/** Nobody serves `model`. */
export function modelNotFound(model: string): CodedError {
  const message = `The model '${model.slice(0, 100)}' does not exist. GET /v1/models lists those that do.`;
  return new CodedError("model_not_found", message, { param: "model" });
}

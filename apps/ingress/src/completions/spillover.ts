import { spill, type ExpertDecision } from "@expert-router/classifier";
import type { PriorityClass, SpilloverRecord } from "@expert-router/contracts";
import { Inject, Injectable } from "@nestjs/common";
import { ExpertMonitor } from "../experts/expert-monitor.js";
import { waitScaleS } from "../experts/worth-of-waiting.js";
import { INGRESS_CONTEXT } from "../wiring/injection-tokens.js";
import type { IngressContext } from "../wiring/ingress-options.js";

/** Where a request goes after all. */
export interface FinalChoice {
  readonly expert: string;
  readonly reason: ExpertDecision["reason"];
  readonly spillover?: SpilloverRecord;
}

/** Weighs what a decision says against how long its experts would let a request wait. */
@Injectable()
export class Spillover {
  constructor(
    @Inject(INGRESS_CONTEXT) private readonly context: IngressContext,
    @Inject(ExpertMonitor) private readonly monitor: ExpertMonitor,
  ) {}

  /** The decision itself, or the expert that answers in its place. */
  weigh(decision: ExpertDecision, priorityClass: PriorityClass): FinalChoice {
    const { router, fallback } = this.context.settings.system;
    const { expert, reason } = decision;
    const other = spill(decision, {
      margin: router?.spillMargin ?? 0,
      waitScaleS: waitScaleS[priorityClass],
      fallback,
      waitS: (id) => this.waitS(id, priorityClass, id === expert),
    });
    if (other === undefined) return { expert, reason };
    const { waitSavedS } = other;
    const saved = waitSavedS === null ? null : Math.round(waitSavedS * 1_000) / 1_000;
    return {
      expert: other.expert,
      reason: "spillover",
      spillover: { insteadOf: expert, waitSavedS: saved },
    };
  }

  /** A short absence of the decided expert is waited out; nobody is sent to one that is not there. */
  private waitS(expert: string, priorityClass: PriorityClass, isDecided: boolean): number | null {
    const load = this.monitor.load(expert);
    if (isDecided ? load.isAway(priorityClass) : load.working.length === 0) return Infinity;
    return load.waitS(priorityClass);
  }
}

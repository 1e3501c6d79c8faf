import type { RequestRecord, Terminal } from "@expert-router/contracts";
import { Inject, Injectable } from "@nestjs/common";
import type { AnswerObserver } from "../answers/answer-context.js";
import { ExpertMonitor } from "../experts/expert-monitor.js";
import { INGRESS_CONTEXT } from "../wiring/injection-tokens.js";
import type { IngressContext } from "../wiring/ingress-options.js";
import { expired, RequestIntake } from "./request-intake.js";

/** What follows from what happens to the answer of a waiting request. */
@Injectable()
export class RequestObservers {
  constructor(
    @Inject(INGRESS_CONTEXT) private readonly context: IngressContext,
    @Inject(ExpertMonitor) private readonly monitor: ExpertMonitor,
    @Inject(RequestIntake) private readonly intake: RequestIntake,
  ) {}

  /** Counts, and cancels the request when nobody waits for it any more. */
  of({ repeatable, ...record }: RequestRecord): AnswerObserver {
    const { id, kind, createdAtMs, deadlineAtMs, decision } = record;
    const { expert } = decision;
    const { metrics, logger } = this.context;
    return {
      firstToken: (seconds) => metrics.ttftSeconds.observe({ expert }, seconds),
      ended: ({ status, usage }) => {
        if (usage !== undefined) this.monitor.load(expert).observeAnswer(usage.completion_tokens);
        // The worker measures the others.
        if (kind === "sync")
          metrics.requestSeconds.observe({ expert, status }, (Date.now() - createdAtMs) / 1_000);
      },
      abandoned: () => {
        // Its client may come back for it with its key.
        if (repeatable === true) return;
        const now = Date.now();
        // After the deadline nobody can leave any more: the request had ended, unless Redis was away.
        const terminal: Terminal =
          deadlineAtMs !== undefined && deadlineAtMs <= now ? expired : { status: "cancelled" };
        metrics.requestSeconds.observe({ expert, status: terminal.status }, (now - createdAtMs) / 1_000);
        void this.intake.takeOut(id, expert, terminal);
      },
      waitedLong: () => void this.intake.takeOutWaiting(id, expert),
      late: () => void this.intake.takeOut(id, expert, expired),
      failedInStream: (error) => {
        metrics.errors.inc({ code: error.code });
        logger.warn({ requestId: id, expert, code: error.code }, "a stream ended with an error");
      },
    };
  }

  /** Who repeats a request has its answer again; it was counted when it was given first. */
  ofRepeat(record: RequestRecord): AnswerObserver {
    const uncounted = (): void => undefined;
    return { ...this.of(record), firstToken: uncounted, ended: uncounted };
  }
}

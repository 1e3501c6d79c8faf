import type { RequestState } from "@expert-router/contracts";
import { queuedJob, type ExpertQueue } from "@expert-router/queue";
import { Inject, Injectable } from "@nestjs/common";
import { expired, RequestIntake } from "../completions/request-intake.js";
import { INGRESS_CONTEXT, INGRESS_PORTS } from "../wiring/injection-tokens.js";
import type { IngressContext } from "../wiring/ingress-options.js";
import type { IngressPorts } from "../wiring/ports.js";
import { isFinal } from "./job-view.js";

/** Jobs of one expert looked at in one sweep, and the time between two looks at one job. */
const looksPerSweep = 200;
const lookEveryMs = 30_000;

/**
 * Accepted jobs whose queue entry is gone though they have not ended: a Redis that comes back without its last second may
 * have kept the record and lost the entry. Every ingress sweeps; two that meet at one job do it no harm.
 */
@Injectable()
export class LostJobs {
  constructor(
    @Inject(INGRESS_CONTEXT) private readonly context: IngressContext,
    @Inject(INGRESS_PORTS) private readonly ports: IngressPorts,
    @Inject(RequestIntake) private readonly intake: RequestIntake,
  ) {}

  /** Looks at the jobs that are due: forgets those that ended, expires the late ones, puts back the lost ones. */
  async sweep(nowMs: number): Promise<void> {
    for (const queue of this.ports.queues.values()) {
      const ids = await this.ports.openJobs.due(queue.expert, nowMs, looksPerSweep);
      if (ids.length === 0) continue;
      // First, so that others look elsewhere meanwhile.
      await this.ports.openJobs.lookAgain(queue.expert, ids, nowMs + lookEveryMs);
      // In this order: a worker closes the log before it takes the job off the queue.
      const queued = await Promise.all(ids.map((id) => queue.has(id)));
      const states = await this.ports.store.readMany(ids);
      // One that two processes have made at once may be noted at two experts, and is on the queue that its record names.
      const isOpen = (state: RequestState | undefined): state is RequestState =>
        state?.decision.expert === queue.expert && !isFinal(state);
      const over = ids.filter((_, i) => !isOpen(states[i]));
      await this.ports.openJobs.forget(queue.expert, over);
      await Promise.all(
        states.map(async (state, i) => {
          if (isOpen(state)) await this.look(queue, state, queued[i] === true, nowMs);
        }),
      );
    }
  }

  private async look(queue: ExpertQueue, state: RequestState, queued: boolean, nowMs: number): Promise<void> {
    const { id, deadlineAtMs } = state;
    if (deadlineAtMs !== undefined && deadlineAtMs <= nowMs) {
      await this.intake.takeOut(id, queue.expert, expired);
    } else if (!queued) {
      await queue.enqueue(queuedJob(state));
      this.context.metrics.handBacks.inc({ expert: queue.expert, cause: "queue-lost" });
      this.context.logger.warn({ requestId: id }, "the queue had lost a job; it is put back");
    }
  }
}

import { CodedError, type RequestRecord } from "@expert-router/contracts";
import { Inject, Injectable } from "@nestjs/common";
import { ExpertMonitor } from "../experts/expert-monitor.js";
import type { ExpertLoad } from "../experts/expert-load.js";
import { INGRESS_CONTEXT, INGRESS_PORTS } from "../wiring/injection-tokens.js";
import type { IngressContext } from "../wiring/ingress-options.js";
import type { IngressPorts } from "../wiring/ports.js";
import { claimantOf } from "./claimant.js";
import { refuseUnmeetable } from "./deadline-check.js";
import { StorageAdmission } from "./storage-admission.js";
import { TenantBound } from "./tenant-bound.js";

/** Longest time a client is told to stay away: beyond it the estimate is worth little. */
const maxRetryAfterS = 3_600;

/** The one door for new work: everything that can be refused because of load is refused here. */
@Injectable()
export class Admission {
  private readonly tenants: TenantBound;

  constructor(
    @Inject(INGRESS_CONTEXT) private readonly context: IngressContext,
    @Inject(INGRESS_PORTS) private readonly ports: IngressPorts,
    @Inject(ExpertMonitor) private readonly monitor: ExpertMonitor,
    @Inject(StorageAdmission) private readonly storage: StorageAdmission,
  ) {
    this.tenants = new TenantBound(context.settings.system.scheduling);
  }

  /**
   * Lets a request with a body of `bytes` in; put it on its queue next, and say {@link settled} then.
   * @throws CodedError `expert_unavailable`, `tenant_queue_full`, `deadline_unmeetable`, `queue_full`, `store_full`,
   * `tenant_store_full`, or what the queue throws while Redis is away.
   */
  async admit(record: RequestRecord, bytes: number): Promise<void> {
    const { expert } = record.decision;
    const load = this.monitor.load(expert);
    const queue = this.ports.queues.get(expert)!;
    // A client that waits has no use for a queue that nobody works on; a job can.
    if (record.kind === "sync") load.refuseIfAbandoned();
    await this.tenants.enter(record, queue, load);
    try {
      await refuseUnmeetable(record, this.boundsOf(record), load, queue, Date.now());
      // Last of those that ask the queue: it may note the client for later.
      await this.refuseIfFull(record, load);
      this.storage.admit(record, bytes);
    } catch (error) {
      this.tenants.arrived(record);
      throw error;
    }
  }

  /** The request is on its queue, or will never be. */
  settled(record: RequestRecord): void {
    this.tenants.arrived(record);
  }

  private async refuseIfFull(record: RequestRecord, load: ExpertLoad): Promise<void> {
    const { priorityClass, decision } = record;
    if (load.surelyHasRoom(priorityClass)) return;
    const maxWaiting = load.bound(priorityClass);
    const answer = await this.ports.queues.get(decision.expert)!.admit({
      priorityClass,
      claimant: claimantOf(record),
      maxWaiting,
      startsPerS: load.startsPerS(priorityClass),
    });
    if (answer.admitted) return;
    const message = `The queue of '${decision.expert}' is full (${maxWaiting} ${priorityClass} requests). Please try again later.`;
    const retryAfterS = Math.min(maxRetryAfterS, answer.retryAfterMs / 1_000);
    throw new CodedError("queue_full", message, { retryAfterS });
  }

  private boundsOf({
    kind,
    createdAtMs,
    deadlineAtMs,
  }: RequestRecord): Parameters<typeof refuseUnmeetable>[1] {
    const { queueTimeoutS } = this.context.settings.system.limits;
    return {
      startByMs: kind === "sync" ? createdAtMs + queueTimeoutS * 1_000 : undefined,
      endByMs: deadlineAtMs,
    };
  }
}

import type { SchedulingConfig } from "@expert-router/config";
import { CodedError, type RequestId, type RequestRecord } from "@expert-router/contracts";
import type { ExpertQueue } from "@expert-router/queue";
import type { ExpertLoad } from "../experts/expert-load.js";

type Request = Pick<RequestRecord, "id" | "tenant" | "decision" | "priorityClass">;

/** Keeps tenants within the requests of a class that may wait for them at one expert: a batch locks nobody out of the rest. Only those that have a bound cost a question. */
export class TenantBound {
  /** Requests of a tenant on their way to a queue, which does not count them yet. */
  private readonly onWay = new Map<string, Set<RequestId>>();

  constructor(private readonly scheduling: Pick<SchedulingConfig, "defaultTenant" | "tenants">) {}

  /**
   * Counts a request in, until it {@link arrived}.
   * @throws CodedError `tenant_queue_full`
   */
  async enter(request: Request, queue: ExpertQueue, load: ExpertLoad): Promise<void> {
    const { tenant, priorityClass } = request;
    const { maxWaiting } = this.scheduling.tenants.get(tenant) ?? this.scheduling.defaultTenant;
    if (maxWaiting === undefined) return;
    const key = keyOf(request);
    const others = this.onWay.get(key) ?? new Set();
    // Those that began before this one go before it.
    const before = others.size;
    this.onWay.set(key, others.add(request.id));
    try {
      if ((await queue.waitingOf(tenant, priorityClass)) + before < maxWaiting) return;
      const rate = load.startRate?.jobsPerS;
      throw new CodedError(
        "tenant_queue_full",
        `${maxWaiting} ${priorityClass} requests of yours wait for '${queue.expert}' already, which is as many as may. Please try again later.`,
        { retryAfterS: rate === undefined ? 1 : Math.min(60, Math.max(1, 1 / rate)) },
      );
    } catch (error) {
      this.arrived(request);
      throw error;
    }
  }

  /** The queue counts it now, or it never got there. */
  arrived(request: Request): void {
    const key = keyOf(request);
    const others = this.onWay.get(key);
    others?.delete(request.id);
    if (others?.size === 0) this.onWay.delete(key);
  }
}

function keyOf({ tenant, priorityClass, decision: { expert } }: Request): string {
  return `${expert} ${priorityClass} ${tenant}`;
}

import type { RequestId, Terminal } from "@expert-router/contracts";

/** A request that nobody waits for, and how it shall end. */
export interface UnclosedRequest {
  readonly id: RequestId;
  readonly expert: string;
  readonly terminal: Terminal;
}

/** Requests that could not be closed because Redis was away. Bounded: those beyond end by themselves, unread. */
export class UnclosedRequests {
  private readonly requests = new Map<RequestId, UnclosedRequest>();

  constructor(private readonly maxKept: number) {}

  get size(): number {
    return this.requests.size;
  }

  /** The first end that a request was given stays. */
  keep(request: UnclosedRequest): void {
    if (this.requests.has(request.id)) return;
    if (this.requests.size >= this.maxKept) {
      // One that failed on its way in has most likely never arrived; one that was left runs.
      if (request.terminal.status === "failed") return;
      this.requests.delete(this.requests.keys().next().value!);
    }
    this.requests.set(request.id, request);
  }

  /** Removes and answers the oldest ones, `count` at most. */
  take(count: number): UnclosedRequest[] {
    const taken = [...this.requests.values()].slice(0, count);
    for (const { id } of taken) this.requests.delete(id);
    return taken;
  }
}

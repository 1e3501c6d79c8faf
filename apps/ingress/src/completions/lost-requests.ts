import { CodedError, type RequestId, type RequestRecord } from "@expert-router/contracts";
import { queuedJob } from "@expert-router/queue";
import type { Following } from "@expert-router/token-stream";
import { Inject, Injectable } from "@nestjs/common";
import { isFinal } from "../jobs/job-view.js";
import { INGRESS_CONTEXT, INGRESS_PORTS } from "../wiring/injection-tokens.js";
import type { IngressContext } from "../wiring/ingress-options.js";
import type { IngressPorts } from "../wiring/ports.js";
import type { WaitingSink } from "./waiting-sink.js";

/** Between two looks at one request; after an outage of Redis all are due at once. */
const lookEveryMs = 5_000;
const looksAtOnce = 100;

interface Waiting {
  readonly record: RequestRecord;
  readonly sink: WaitingSink;
  following: Following;
  lookAtMs: number;
}

/**
 * Requests that a client waits for here, and that Redis may have lost: one that comes back without its last second, or a
 * replica that was promoted without the last writes. Their bodies are in this process, so they are put back under their id.
 */
@Injectable()
export class LostRequests {
  private readonly waiting = new Map<RequestId, Waiting>();
  private connections = 0;

  constructor(
    @Inject(INGRESS_CONTEXT) private readonly context: IngressContext,
    @Inject(INGRESS_PORTS) private readonly ports: IngressPorts,
  ) {}

  /** Looks after an accepted request until `sink` is over. */
  hold(record: RequestRecord, sink: WaitingSink, following: Following): void {
    this.waiting.set(record.id, { record, sink, following, lookAtMs: Date.now() + lookEveryMs });
  }

  /** Puts back what is due and lost. Rejects while Redis is away; what was not looked at stays due. */
  async putBack(nowMs: number): Promise<void> {
    const { connections } = this.ports;
    const reconnected = connections !== this.connections;
    const due: Waiting[] = [];
    for (const [id, waiting] of this.waiting) {
      if (waiting.sink.isOver) this.waiting.delete(id);
      else if (reconnected || waiting.lookAtMs <= nowMs) due.push(waiting);
    }
    const failures: unknown[] = [];
    for (let from = 0; from < due.length && failures.length === 0; from += looksAtOnce) {
      const looks = due.slice(from, from + looksAtOnce).map((waiting) => this.look(waiting, nowMs));
      for (const look of await Promise.allSettled(looks))
        if (look.status === "rejected") failures.push(look.reason);
    }
    if (failures.length > 0) throw failures[0];
    this.connections = connections;
  }

  private async look(waiting: Waiting, nowMs: number): Promise<void> {
    const { id, decision } = waiting.record;
    const queue = this.ports.queues.get(decision.expert);
    // In this order: a worker closes the log before it takes the job off the queue.
    const queued = await queue?.has(id);
    const [state] = await this.ports.store.readMany([id]);
    if (waiting.sink.isOver) return;
    if (state === undefined && !(await this.recreate(waiting))) return;
    if (state === undefined || (!isFinal(state) && queued === false)) {
      await queue?.enqueue(queuedJob(waiting.record));
      this.context.metrics.handBacks.inc({ expert: decision.expert, cause: "queue-lost" });
      this.context.logger.warn({ requestId: id }, "Redis had lost a request; it is put back");
    }
    waiting.lookAtMs = nowMs + lookEveryMs;
  }

  /** Writes the record anew, unless the client has a part of an answer that nothing can go on behind. */
  private async recreate(waiting: Waiting): Promise<boolean> {
    const { record, sink, following } = waiting;
    following.stop();
    if (!sink.startOver()) {
      this.waiting.delete(record.id);
      sink.fail(
        new CodedError("stream_interrupted", "Redis lost the answer after a part of it was delivered."),
      );
      return false;
    }
    // A worker that still runs the attempt which was lost must not meet its own number again; one more may have begun.
    const afterEpoch = following.at.epoch + 1;
    waiting.following = this.ports.follower.follow(record.id, sink, { owner: true });
    sink.attach(waiting.following);
    await this.ports.store.create(record, this.ports.follower.channel, { afterEpoch });
    return true;
  }
}

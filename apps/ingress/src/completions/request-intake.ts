import {
  CodedError,
  newDelivery,
  type RequestId,
  type RequestRecord,
  type RequestState,
  type Terminal,
} from "@expert-router/contracts";
import { queuedJob } from "@expert-router/queue";
import { Inject, Injectable } from "@nestjs/common";
import { Admission } from "../admission/admission.js";
import { ExpertMonitor } from "../experts/expert-monitor.js";
import { deadlineExceeded, isRedisAway, toCodedError } from "../http/error-answer.js";
import { isFinal } from "../jobs/job-view.js";
import { INGRESS_CONTEXT, INGRESS_PORTS } from "../wiring/injection-tokens.js";
import type { IngressContext } from "../wiring/ingress-options.js";
import type { IngressPorts } from "../wiring/ports.js";
import { LostRequests } from "./lost-requests.js";
import { UnclosedRequests } from "./unclosed-requests.js";
import type { WaitingSink } from "./waiting-sink.js";

/** Requests kept to be closed later, and how many of them are closed at once. */
const maxUnclosed = 10_000;
const closedAtOnce = 100;

/** The end of a request whose deadline passed. */
export const expired: Terminal = {
  status: "expired",
  error: { code: "deadline_exceeded", message: deadlineExceeded().message },
};

/** The end of a request that no worker took in time. */
export const waitedTooLong: Terminal = {
  status: "expired",
  error: { code: "queue_timeout", message: "The request waited in the queue longer than it may." },
};

/** Puts requests into the system and takes them out again. */
@Injectable()
export class RequestIntake {
  private readonly unclosed = new UnclosedRequests(maxUnclosed);

  constructor(
    @Inject(INGRESS_CONTEXT) private readonly context: IngressContext,
    @Inject(INGRESS_PORTS) private readonly ports: IngressPorts,
    @Inject(ExpertMonitor) private readonly monitor: ExpertMonitor,
    @Inject(Admission) private readonly admission: Admission,
    @Inject(LostRequests) private readonly lost: LostRequests,
  ) {}

  /**
   * Records the request, which {@link Admission} let in, and puts it on its expert's queue; durable once resolved. With a sink, its tokens come to
   * this process. Answers the request as it stands: that of whoever was faster, where somebody else made it under its id, perhaps for another expert.
   * @throws CodedError `redis_unavailable`, or `internal_error` where Redis is not to blame; the request is void then, unless it is repeatable.
   */
  async submit(record: RequestRecord, sink?: WaitingSink): Promise<RequestState> {
    const { follower } = this.ports;
    // The follow stands before the request exists, so that no token can come before somebody listens.
    const following = sink && follower.follow(record.id, sink, { owner: true });
    if (following !== undefined) sink?.attach(following);
    const { priorityClass, expectedTokens } = record;
    const { arrivals } = this.monitor.load(record.decision.expert);
    arrivals.start(priorityClass, expectedTokens);
    let arrived = false;
    let state = acceptedState(record);
    try {
      if (!(await this.ports.accept(record, sink && follower.channel))) state = await this.there(record.id);
      arrived = true;
    } catch (thrown) {
      following?.stop();
      const error = toCodedError(thrown);
      // The client is told, and the outage has its own line: one a request would drown it.
      this.context.logger.debug({ requestId: record.id, err: thrown }, "a request could not be queued");
      // One that has a key stays: its client comes back with the key, and finds what there is of it.
      if (record.repeatable !== true)
        void this.takeOut(record.id, record.decision.expert, {
          status: "failed",
          error: { code: error.code, message: "The request could not be queued." },
        });
      throw error;
    } finally {
      arrivals.end(priorityClass, expectedTokens, arrived);
      this.admission.settled(record);
    }
    if (sink !== undefined && following !== undefined) this.lost.hold(record, sink, following);
    // A client that left while the request was on its way in could not take it out yet.
    if (sink?.isOver === true) void this.takeOut(record.id, record.decision.expert, { status: "cancelled" });
    return state;
  }

  /** A request that somebody else has recorded, and may have died before it was on its queue. */
  private async there(id: RequestId): Promise<RequestState> {
    const state = await this.ports.store.read(id);
    if (state === undefined) throw new CodedError("job_not_found", "The request was deleted.");
    if (!isFinal(state)) await this.ports.queues.get(state.decision.expert)?.enqueue(queuedJob(state));
    return state;
  }

  /** Follows a request that has a key from its start; `first`: it was put in here, so it is put back here if Redis loses it. */
  join(
    record: RequestRecord,
    sink: WaitingSink,
    { exposes, first }: { readonly exposes: boolean; readonly first: boolean },
  ): void {
    const following = this.ports.follower.follow(record.id, sink, { exposes });
    sink.attach(following);
    if (first) this.lost.hold(record, sink, following);
  }

  /**
   * Closes a request that nobody waits for and takes it off the queue; never rejects. Answers whether it was open.
   * While Redis is away it is kept, for {@link takeOutUnclosed}: an engine may be working on it.
   */
  async takeOut(id: RequestId, expert: string, terminal: Terminal): Promise<boolean> {
    try {
      return await this.close(id, expert, terminal);
    } catch (error) {
      this.context.logger.debug({ requestId: id, err: error }, "a request could not be taken out");
      if (isRedisAway(error)) this.unclosed.keep({ id, expert, terminal });
      return false;
    }
  }

  /** Ends a request with {@link waitedTooLong} if no worker has taken it yet; never rejects. */
  async takeOutWaiting(id: RequestId, expert: string): Promise<void> {
    try {
      const state = await this.ports.store.read(id);
      if (state?.status === "queued" && state.attempts === 0) await this.close(id, expert, waitedTooLong);
    } catch (error) {
      // Its deadline ends it all the same.
      this.context.logger.debug({ requestId: id, err: error }, "a request that waits could not be taken out");
    }
  }

  /** Tries again what {@link takeOut} could not do; stops when Redis is still away. Never rejects. */
  async takeOutUnclosed(): Promise<void> {
    // What is kept again waits for the next call.
    for (let left = this.unclosed.size; left > 0; left -= closedAtOnce) {
      const some = this.unclosed.take(Math.min(left, closedAtOnce));
      const before = this.unclosed.size;
      await Promise.all(some.map(({ id, expert, terminal }) => this.takeOut(id, expert, terminal)));
      if (this.unclosed.size > before) return;
    }
  }

  /** Closes a request and takes it off the queue. Answers whether this call closed it. */
  async close(id: RequestId, expert: string, terminal: Terminal): Promise<boolean> {
    const closed = await this.ports.store.close(id, terminal);
    if (closed !== "closed") return false;
    // Whoever closes a log counts it: here, or the worker.
    this.context.metrics.jobs.inc({ status: terminal.status });
    await this.ports.queues.get(expert)?.remove(id);
    return true;
  }
}

/** A request that was accepted a moment ago, as it would be read. */
function acceptedState({ webhook, ...read }: RequestRecord): RequestState {
  const delivery = webhook === undefined ? undefined : newDelivery(webhook);
  return { ...read, status: "queued", attempts: 0, delivery };
}

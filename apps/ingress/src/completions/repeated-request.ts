import {
  isErrorCode,
  errorTable,
  isRequestId,
  maxDeadlineS,
  type RequestRecord,
  type RequestState,
} from "@expert-router/contracts";
import { queuedJob } from "@expert-router/queue";
import { Inject, Injectable } from "@nestjs/common";
import type { FastifyRequest } from "fastify";
import { fingerprintOf, readIdempotencyKey } from "../idempotency/idempotency-key.js";
import { IdempotentWork } from "../idempotency/idempotent-work.js";
import { isFinal } from "../jobs/job-view.js";
import { INGRESS_CONTEXT, INGRESS_PORTS } from "../wiring/injection-tokens.js";
import type { IngressContext } from "../wiring/ingress-options.js";
import type { IngressPorts } from "../wiring/ports.js";

/**
 * Keys are remembered a little longer than the records they stand for, whose absence frees them. A job's record that never
 * reaches its end is kept for eight days behind its deadline; a waiting request ends by its deadline.
 */
const jobKeyTtlMs = (maxDeadlineS + 9 * 86_400) * 1_000;
const syncKeyMarginMs = 60_000;

/** How a kind of request is put in, and which end of it frees its key. */
export interface SubmittedOnce {
  readonly route: string;
  readonly kind: RequestRecord["kind"];
  /** A client waits for the answer, so a failure that may pass frees the key; unless said otherwise, what is `sync`. */
  readonly waits?: boolean;
  /** Puts the request in under `id`, marked as repeatable. */
  readonly submit: (id: RequestRecord["id"]) => Promise<RequestState>;
}

/** Requests that come with an Idempotency-Key. */
@Injectable()
export class RepeatedRequests {
  constructor(
    @Inject(INGRESS_CONTEXT) private readonly context: IngressContext,
    @Inject(INGRESS_PORTS) private readonly ports: IngressPorts,
    @Inject(IdempotentWork) private readonly work: IdempotentWork,
  ) {}

  /**
   * The request that this one's key stands for, put in or found; undefined: it has no key.
   * @throws CodedError what {@link IdempotentWork.once} throws.
   */
  async once(
    request: FastifyRequest,
    { route, kind, waits = kind === "sync", submit }: SubmittedOnce,
  ): Promise<{ state: RequestState; repeated: boolean } | undefined> {
    const key = readIdempotencyKey(request);
    if (key === undefined) return undefined;
    const { tenant, id, body } = request;
    const keyed = { tenant, key, id, fingerprint: fingerprintOf(route, body), ttlMs: this.ttlMs(kind) };
    const { result, repeated } = await this.work.once<RequestState>(keyed, {
      find: (found) => this.find(found, waits),
      make: (made) => submit(made as RequestRecord["id"]),
      adopt: async (state) => {
        if (!isFinal(state)) await this.ports.queues.get(state.decision.expert)?.enqueue(queuedJob(state));
      },
    });
    return { state: result, repeated };
  }

  private async find(id: string, waits: boolean): Promise<RequestState | undefined> {
    const state = isRequestId(id) ? await this.ports.store.read(id) : undefined;
    // A job tells of its failure itself. Who waits for an answer sends the request again to get one.
    return state !== undefined && waits && isCurable(state) ? undefined : state;
  }

  private ttlMs(kind: RequestRecord["kind"]): number {
    const { limits, retention } = this.context.settings.system;
    return kind === "job"
      ? jobKeyTtlMs + retention.jobsS * 1_000
      : (limits.syncTimeoutS + retention.syncS) * 1_000 + syncKeyMarginMs;
  }
}

function isCurable({ status, error }: RequestState): boolean {
  return (
    (status === "failed" || status === "expired") &&
    error !== undefined &&
    isErrorCode(error.code) &&
    errorTable[error.code].retryable
  );
}

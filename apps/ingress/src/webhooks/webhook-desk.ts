import { setTimeout as sleep } from "node:timers/promises";
import type { RequestId, RequestState, WebhookDelivery, WebhookTarget } from "@expert-router/contracts";
import {
  AttemptsUnderWay,
  type DeliveryAttempt,
  type DeliveryOutcome,
  type SendResult,
} from "@expert-router/webhooks";
import { Inject, Injectable } from "@nestjs/common";
import { repeat, type RepeatingTask } from "../experts/repeating-task.js";
import { JobDesk } from "../jobs/job-desk.js";
import { isFinal } from "../jobs/job-view.js";
import { INGRESS_CONTEXT, INGRESS_PORTS } from "../wiring/injection-tokens.js";
import type { IngressContext } from "../wiring/ingress-options.js";
import type { IngressPorts } from "../wiring/ports.js";
import { webhookEvent } from "./webhook-event.js";

/** Requests looked at together, and the time between two looks at one. */
const looksAtOnce = 200;
const lookEveryMs = 30_000;
/** A sweep takes no longer, about; the next one goes on. */
const sweepForMs = 2_000;
/** Attempts that a client is shown, the last ones. */
const maxTries = 10;
/** Time that Redis has to take down what a receiver answered, and between two tries. */
const noteForMs = 30_000;
const noteAgainMs = 250;

/**
 * Tells receivers that jobs have ended. The end of a request with a webhook is published by the script that closes its log;
 * because nobody may be listening, all such requests are also looked at from time to time until they are queued for delivery.
 * Any number of ingresses may queue one: it is queued once, and delivered by any of them.
 */
@Injectable()
export class WebhookDesk {
  private sweeping: RepeatingTask | undefined;
  private readonly underWay = new AttemptsUnderWay();

  constructor(
    @Inject(INGRESS_CONTEXT) private readonly context: IngressContext,
    @Inject(INGRESS_PORTS) private readonly ports: IngressPorts,
    @Inject(JobDesk) private readonly jobs: JobDesk,
  ) {}

  async start(): Promise<void> {
    const { webhooks } = this.ports;
    // While Redis is away others say so; who has ended meanwhile is looked at when it is back.
    const hush = (error: unknown): void => this.context.logger.debug({ err: error }, "a webhook waits");
    await webhooks.queue.start((attempt) => this.deliver(attempt));
    await webhooks.onEnded((id) => void this.queueDelivery(id).catch(hush));
    this.sweeping = repeat(this.context.tuning.lostSweepMs, () => this.sweep(Date.now()), hush);
  }

  async stop(): Promise<void> {
    this.sweeping?.stop();
    await this.ports.webhooks.queue.stop();
    await this.ports.webhooks.sender.close();
  }

  /** Looks at all that are due, for a while at most: queues what has ended, forgets what is gone. */
  async sweep(nowMs: number): Promise<void> {
    const endMs = Date.now() + sweepForMs;
    for (;;) {
      const ids = await this.ports.webhooks.records.due(nowMs, looksAtOnce);
      await this.lookAt(ids, nowMs);
      if (ids.length < looksAtOnce || Date.now() >= endMs) return;
    }
  }

  private async lookAt(ids: readonly RequestId[], nowMs: number): Promise<void> {
    const { queue, records } = this.ports.webhooks;
    if (ids.length === 0) return;
    // First, so that others look elsewhere meanwhile.
    await records.lookAgain(ids, nowMs + lookEveryMs);
    const states = await this.ports.store.readMany(ids);
    const ended = states.filter((state): state is RequestState => state !== undefined && isFinal(state));
    await Promise.all(ended.map(({ id }) => queue.enqueue(id)));
    const open = new Set(
      states.flatMap((state) => (state === undefined || isFinal(state) ? [] : [state.id])),
    );
    await records.forget(ids.filter((id) => !open.has(id)));
  }

  private async queueDelivery(id: RequestId): Promise<void> {
    const { queue, records } = this.ports.webhooks;
    await queue.enqueue(id);
    await records.forget([id]);
  }

  private async deliver(attempt: DeliveryAttempt): Promise<DeliveryOutcome> {
    const id = attempt.id as RequestId;
    const [state] = await this.ports.store.readMany([id]);
    const target = await this.ports.webhooks.records.target(id);
    // Its retention is over, or it was deleted.
    if (state === undefined || target === undefined) return "settled";
    // Redis came back without its end; it will have another one.
    if (!isFinal(state)) return "later";
    const leave = this.underWay.enter({ tenant: state.tenant, receiver: new URL(target.url).host });
    if (leave === undefined) return "later";
    try {
      return await this.tell(state, target, attempt);
    } finally {
      leave();
    }
  }

  private async tell(
    state: RequestState,
    target: WebhookTarget,
    { attempt, isLast, signal }: DeliveryAttempt,
  ): Promise<DeliveryOutcome> {
    const secret = target.secret ?? this.context.settings.webhookSecret;
    const message = webhookEvent(await this.jobs.view(state));
    const result: SendResult =
      secret === undefined
        ? { outcome: "refused", error: "there is no secret to sign with", durationMs: 0 }
        : await this.ports.webhooks.sender.send({ url: target.url, secret, signal, ...message });
    const { outcome, status } = result;
    if (outcome === "interrupted") return "later";
    this.context.metrics.webhookAttempts.inc({ outcome });
    const again = outcome === "failed" && !isLast;
    await this.note(state.id, noted(state.delivery, result, { attempt, again }), signal);
    if (outcome !== "delivered" && !again)
      this.context.logger.warn({ requestId: state.id, attempt, outcome, status }, "a webhook was given up");
    return again ? "again" : "settled";
  }

  /** Notes how a delivery stands, for a while if it has to; the receiver has answered, so a failure is no cause to ask it again. */
  private async note(id: RequestId, delivery: WebhookDelivery, signal: AbortSignal): Promise<void> {
    const deadlineMs = Date.now() + noteForMs;
    for (;;) {
      try {
        return await this.ports.webhooks.records.note(id, delivery);
      } catch (error) {
        if (Date.now() >= deadlineMs || signal.aborted) {
          this.context.logger.warn({ requestId: id, err: error }, "what became of a webhook was not noted");
          return;
        }
      }
      await sleep(noteAgainMs, undefined, { signal }).catch(() => undefined);
    }
  }
}

function noted(
  before: WebhookDelivery | undefined,
  { outcome, status, error, durationMs }: SendResult,
  { attempt, again }: { readonly attempt: number; readonly again: boolean },
): WebhookDelivery {
  const tried = { atMs: Date.now() - durationMs, status, error, durationMs };
  return {
    url: before?.url ?? "",
    status: again ? "waiting" : outcome === "delivered" ? "delivered" : "failed",
    attempts: attempt,
    tries: [...(before?.tries ?? []), tried].slice(-maxTries),
  };
}

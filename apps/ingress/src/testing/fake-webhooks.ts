import type { RequestId, WebhookDelivery, WebhookTarget } from "@expert-router/contracts";
import type { SendResult, WebhookMessage } from "@expert-router/webhooks";
import type { WebhookPorts } from "../wiring/ports.js";

/** Webhooks that are delivered to an array. */
export class FakeWebhooks implements WebhookPorts {
  readonly notes = new Map<RequestId, WebhookDelivery>();
  readonly pending = new Set<RequestId>();
  /** Of the pending ones, when they are looked at again (Unix time in ms). */
  readonly looks = new Map<RequestId, number>();
  readonly queued: string[] = [];
  readonly sent: WebhookMessage[] = [];
  /** What the receiver answers next. */
  result: SendResult = { outcome: "delivered", status: 204, durationMs: 1 };
  /** Runs one attempt. */
  deliver: Parameters<WebhookPorts["queue"]["start"]>[0] = async () => "settled";
  ended: (id: RequestId) => void = () => undefined;

  constructor(private readonly targets: ReadonlyMap<RequestId, WebhookTarget>) {}

  readonly records: WebhookPorts["records"] = {
    target: async (id) => this.targets.get(id),
    note: async (id, delivery) => void this.notes.set(id, delivery),
    due: async (nowMs, limit) =>
      [...this.pending].filter((id) => (this.looks.get(id) ?? 0) <= nowMs).slice(0, limit),
    lookAgain: async (ids, atMs) => ids.forEach((id) => this.looks.set(id, atMs)),
    forget: async (ids) => ids.forEach((id) => this.pending.delete(id)),
  };

  readonly queue: WebhookPorts["queue"] = {
    enqueue: async (id) => void this.queued.push(id),
    start: async (deliver) => void (this.deliver = deliver),
    stop: async () => undefined,
  };

  readonly sender: WebhookPorts["sender"] = {
    send: async (message) => {
      this.sent.push(message);
      return this.result;
    },
    close: async () => undefined,
  };

  async onEnded(listener: (id: RequestId) => void): Promise<void> {
    this.ended = listener;
  }
}

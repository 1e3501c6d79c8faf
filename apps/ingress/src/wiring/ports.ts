import type { BatchLeases } from "@expert-router/batch";
import type { ExpertDecision } from "@expert-router/classifier";
import type { ChatMessage, RequestId, RequestRecord, RouterStatus } from "@expert-router/contracts";
import type { ExplainedDecision } from "@expert-router/embedder";
import type { FileStore } from "@expert-router/file-store";
import type { ExpertQueue, WorkerRegistry } from "@expert-router/queue";
import type {
  IdempotencyKeys,
  OpenJobs,
  RedisDeadLetters,
  RedisStoredBytes,
  RequestStore,
  TokenFollower,
} from "@expert-router/token-stream";
import type { DeliveryQueue, WebhookRecords, WebhookSender } from "@expert-router/webhooks";
import type { StoreMemory } from "./store-memory.js";
import type { RequestOrigin } from "../routing/prompt-share.js";

/** Decides which expert answers a prompt. */
export interface PromptRouter {
  /** Version of the active artifact; null without one. */
  readonly version: string | null;
  /** Decides for a request; `origin` says which version may. */
  route(input: string | readonly ChatMessage[], origin: RequestOrigin): Promise<ExpertDecision>;
  /** What the active version would decide, and why. */
  explain(input: string | readonly ChatMessage[]): Promise<ExplainedDecision>;
  /** Which versions are loaded, and what they meet. */
  status(): RouterStatus;
}

/** How receivers are told that jobs have ended. */
export interface WebhookPorts {
  readonly records: WebhookRecords;
  readonly queue: DeliveryQueue;
  readonly sender: Pick<WebhookSender, "send" | "close">;
  /** Calls `listener` with the id of each request with a webhook whose log is closed from now on, if Redis can be heard. */
  onEnded(listener: (id: RequestId) => void): Promise<void>;
}

/** Everything outside of this process that the ingress uses. */
export interface IngressPorts {
  /**
   * Records a request and puts it on its expert's queue; durable once resolved. With a live channel, its tokens are
   * published there. False: a repeatable one is there already, perhaps for another expert; it is left as it is, and
   * nothing is put on a queue.
   */
  accept(record: RequestRecord, liveChannel?: string): Promise<boolean>;
  readonly store: RequestStore;
  readonly deadLetters: Pick<RedisDeadLetters, "count">;
  readonly idempotencyKeys: IdempotencyKeys;
  readonly openJobs: OpenJobs;
  readonly webhooks: WebhookPorts;
  /** What each tenant has stored. */
  readonly storedBytes: Pick<RedisStoredBytes, "add" | "total" | "count">;
  /** Memory of Redis: in use, its own bound (0: none), and that of its machine. */
  storeMemory(): Promise<StoreMemory>;
  readonly files: FileStore;
  readonly batchLeases: BatchLeases;
  readonly follower: TokenFollower;
  readonly registry: WorkerRegistry;
  /** By expert id; one for every expert of the configuration. */
  readonly queues: ReadonlyMap<string, ExpertQueue>;
  readonly router: PromptRouter;
  /** How often Redis was connected to so far: it may have lost something whenever this changes. */
  readonly connections: number;
  /** Whether Redis answers now. */
  redisAnswers(): Promise<boolean>;
  /** Closes connections. */
  close(): Promise<void>;
}

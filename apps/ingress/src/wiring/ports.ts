import type { ExpertDecision } from "@expert-router/classifier";
import type { ChatMessage, RequestRecord } from "@expert-router/contracts";
import type { ExpertQueue, WorkerRegistry } from "@expert-router/queue";
import type { RequestStore, TokenFollower } from "@expert-router/token-stream";

/** Decides which expert answers a prompt. */
export interface PromptRouter {
  /** Version of the loaded artifact; null without one. */
  readonly version: string | null;
  route(input: string | readonly ChatMessage[]): Promise<ExpertDecision>;
}

/** Everything outside of this process that the ingress uses. */
export interface IngressPorts {
  /**
   * Records a request and puts it on its expert's queue; durable once resolved. With a live channel, its tokens are
   * published there.
   */
  accept(record: RequestRecord, liveChannel?: string): Promise<void>;
  readonly store: RequestStore;
  readonly follower: TokenFollower;
  readonly registry: WorkerRegistry;
  /** By expert id; one for every expert of the configuration. */
  readonly queues: ReadonlyMap<string, ExpertQueue>;
  readonly router: PromptRouter;
  /** Whether Redis answers now. */
  redisAnswers(): Promise<boolean>;
  /** Closes connections. */
  close(): Promise<void>;
}

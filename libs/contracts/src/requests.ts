import type { ResponseParameters } from "./api-responses.js";
import type { DecisionRecord } from "./decision.js";
import type { RequestId } from "./ids.js";
import type { Terminal, Usage } from "./token-events.js";
import type { WebhookDelivery, WebhookTarget } from "./webhooks.js";

/** The engine endpoint a request is for. */
export type Endpoint = "/v1/chat/completions" | "/v1/completions";

/** Scheduling classes, most urgent first. */
export const priorityClasses = ["interactive", "async", "batch"] as const;
export type PriorityClass = (typeof priorityClasses)[number];

/** The life of a request. The last four are final. */
export const requestStatuses = [
  "queued",
  "in_progress",
  "completed",
  "failed",
  "cancelled",
  "expired",
] as const;
export type RequestStatus = (typeof requestStatuses)[number];

/** Hashes of a conversation, by which the worker that answered its last turn is found again. */
export interface PrefixKeys {
  /** Of the conversation up to its last answer, which the worker that gave that answer holds; undefined for a first turn. */
  readonly behind?: string | undefined;
  /** Of the whole prompt: what the worker that answers this holds afterwards. */
  readonly after: string;
}

/** Everything about one request that outlives the HTTP call; the `meta` hash in Redis. */
export interface RequestRecord {
  readonly id: RequestId;
  /**
   * `sync`: an open HTTP call waits for it, and its end cancels it unless it is `repeatable`. `job`: it lives on its own.
   * `batch`: a line of a batch, which looks after it, writes its answer down and forgets it; it is in no list of jobs.
   */
  readonly kind: "sync" | "job" | "batch";
  readonly endpoint: Endpoint;
  /** The request body as the client sent it, model included. */
  readonly body: Record<string, unknown>;
  readonly decision: DecisionRecord;
  readonly tenant: string;
  readonly priorityClass: PriorityClass;
  /** Tokens it is expected to cost, prompt and answer together. */
  readonly expectedTokens: number;
  /** What an engine should hold in its cache already to answer this cheaply; undefined: nothing is known. */
  readonly prefix?: PrefixKeys | undefined;
  /** Unix time in ms. */
  readonly createdAtMs: number;
  /** Unix time in ms after which nobody wants the answer; undefined: no deadline. */
  readonly deadlineAtMs?: number | undefined;
  readonly metadata?: Record<string, string> | undefined;
  /** Set where it was asked for through the Responses API. */
  readonly response?: ResponseParameters | undefined;
  /** How long it is kept behind its end, in ms; undefined: as its kind is. */
  readonly keptMs?: number | undefined;
  /** The answer may be continued by another attempt behind what is written already: plain text, one choice. */
  readonly continuable: boolean;
  /** Somebody may have seen deltas of it, so a later attempt must not start over. */
  readonly exposed: boolean;
  /** An Idempotency-Key stands for it: it may be put in twice, and somebody may come back for its answer. */
  readonly repeatable?: true | undefined;
  /** Who is told of its end. Not in what is read: it may hold a secret. */
  readonly webhook?: WebhookTarget | undefined;
}

/** Whether a client waits for it at an open connection. */
export function hasWaitingClient({ kind, response }: Pick<RequestRecord, "kind" | "response">): boolean {
  return kind === "sync" || response?.background === false;
}

/** A {@link RequestRecord} with what happened to it so far. */
export interface RequestState extends RequestRecord {
  readonly status: RequestStatus;
  readonly attempts: number;
  /** How often an engine would not take it in; such attempts do not count. */
  readonly refusals?: number | undefined;
  readonly startedAtMs?: number | undefined;
  readonly finishedAtMs?: number | undefined;
  readonly usage?: Usage | undefined;
  readonly error?: Terminal["error"];
  /** How the telling of its end stands; undefined: it has no webhook. */
  readonly delivery?: WebhookDelivery | undefined;
}

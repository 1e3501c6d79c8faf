import type {
  AttemptMode,
  ControlMessage,
  Delta,
  Endpoint,
  Position,
  RequestId,
  RequestRecord,
  RequestState,
  RequestStatus,
  Terminal,
} from "@expert-router/contracts";

/** Where requests live: the `meta` hash. Written by whoever accepts a request, read by everyone. */
export interface RequestStore {
  /**
   * Writes the record of a new request, which then has status `queued`. `liveChannel` names the channel of the
   * ingress that waits for its tokens, so the first attempt publishes there without being asked. `afterEpoch`: Redis
   * lost the request, and its next attempt shall have a greater number, so that no earlier one is mistaken for it.
   * Answers false where a repeatable request is there already; it is left as it is.
   */
  create(
    record: RequestRecord,
    liveChannel?: string,
    options?: { readonly afterEpoch?: number | undefined },
  ): Promise<boolean>;
  /**
   * Writes only a request that may be there already: one of a batch, which a crash may have left here. Answers `created`, or the
   * status of the one that is there and stays as it is; and the expert, which may be another one there.
   */
  createOnce(
    record: RequestRecord,
    liveChannel?: string,
  ): Promise<{ readonly status: RequestStatus | "created"; readonly expert: string }>;
  /** Removes all that is stored of these requests, which have ended. */
  forget(ids: readonly RequestId[]): Promise<void>;
  /** The request as it stands, or undefined if it never was or has expired. */
  read(id: RequestId): Promise<RequestState | undefined>;
  /** Several at once, in the order asked, without their bodies and what a response says again of its request (both empty), which can be large. */
  readMany(ids: readonly RequestId[]): Promise<(RequestState | undefined)[]>;
  /**
   * Job ids of a tenant, newest first unless asked otherwise. Some may have no record any more, or none yet.
   */
  listJobs(tenant: string, range: JobRange): Promise<RequestId[]>;
  /**
   * Closes the log from outside: cancel, expiry, or failure to enqueue. Idempotent; answers whether this call
   * was the one that closed it. The worker that runs it, if any, hears of it on the expert's control channel.
   */
  close(id: RequestId, terminal: Terminal): Promise<"closed" | "already-closed" | "gone">;
}

/** Which job ids of a tenant. */
export interface JobRange {
  readonly limit: number;
  /** Only ids that sort behind it. */
  readonly above?: string | undefined;
  /** Only ids that sort before it. */
  readonly below?: string | undefined;
  readonly oldestFirst?: boolean | undefined;
}

/** Jobs that had not ended when they were looked at last; {@link RequestStore.create} adds to them. */
export interface OpenJobs {
  /** Those of an expert that are due for a look, at most `limit`. */
  due(expert: string, nowMs: number, limit: number): Promise<RequestId[]>;
  /** They are due again at `atMs` (Unix time). */
  lookAgain(expert: string, ids: readonly RequestId[], atMs: number): Promise<void>;
  /** They have ended. */
  forget(expert: string, ids: readonly RequestId[]): Promise<void>;
}

/** An attempt at a request, opened. */
export interface OpenedAttempt {
  readonly mode: AttemptMode;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /** Undefined when the mode is `gone` or `closed`. */
  readonly request?: RequestState | undefined;
  /** Live channels of the processes that follow it; empty when the mode is `gone` or `closed`. */
  readonly liveChannels: readonly string[];
  /** What was accepted so far; empty unless the mode is `continue` or `interrupted`. */
  readonly accepted: readonly Delta[];
  /** Undefined when the mode is `gone` or `closed`; when it is `interrupted`, only good to close the log with. */
  readonly writer?: AttemptWriter | undefined;
}

/**
 * Redis did not take what an attempt wrote, for a reason that has nothing to do with the attempt (no memory, a full disk,
 * a read-only replica). The log is open, and another attempt may go on.
 */
export class LogWriteFailed extends Error {
  override readonly name = "LogWriteFailed";
}

/** The pen of one attempt. Refused for good as soon as another attempt or a terminal entry is in the log. */
export interface AttemptWriter {
  /**
   * Aborted when this attempt may not go on: fenced by another attempt, or the log was closed; or, with
   * {@link LogWriteFailed} as reason, the log cannot be written.
   */
  readonly signal: AbortSignal;
  /** Appends a delta; it is durable and on its way to followers within a few ms. False: await {@link drained} first. */
  append(delta: Delta): boolean;
  /** Resolves when the writer has room again. */
  drained(): Promise<void>;
  /**
   * Writes what is left, then the terminal entry. `refused`: somebody else closed the log or took over. `deadKeptMs`: the
   * request becomes a dead letter, so its body, record and log are kept for so long, or for their retention if that is longer.
   * @throws LogWriteFailed the log is still open.
   */
  close(terminal: Terminal, options?: { deadKeptMs?: number }): Promise<"closed" | "refused">;
  /**
   * Writes what is left and leaves the log open for the next attempt, as on hand-back. `uncounted`: the attempt
   * does not count against the request, because it was no fault of it. `continuable: false`: later attempts do not go on
   * behind what was written.
   */
  release(options?: { uncounted?: boolean; continuable?: false }): Promise<void>;
}

/** The writing side, one per worker process. */
export interface TokenPublisher {
  /**
   * Opens the next attempt of a request. `continues`: the endpoints whose answers the engine can go on behind an
   * accepted prefix. The number of attempts is counted here and judged by the caller.
   */
  open(id: RequestId, options: { workerId: string; continues: readonly Endpoint[] }): Promise<OpenedAttempt>;
  /** Obeys a message of the control channel, if it concerns an attempt that is open here. */
  control(message: ControlMessage): void;
  /**
   * Looks for logs that were closed while the control channel could not be heard, or that Redis has lost a part of: the
   * attempts at those end.
   */
  recheck(): Promise<void>;
  /** Flushes everything and stops. */
  stop(): Promise<void>;
}

/** What a follower is told. Every call happens in the order of the log, without gap or repeat. */
export interface TokenSink {
  /**
   * Deltas `first`, `first + 1`, … of attempt `epoch`. False: the reader is slow; nothing more comes until
   * {@link Following.resume}, and then from the log.
   */
  deltas(epoch: number, first: number, deltas: readonly Delta[]): boolean;
  /** What came before is void: an unexposed answer starts over. */
  restart(): void;
  /** The end; nothing comes after it. */
  end(terminal: Terminal): void;
  /** The log cannot be read (it has expired, or Redis is away for too long); nothing comes after it. */
  fail(error: Error): void;
}

/** A running follow. */
export interface Following {
  /** The last position that the sink has. */
  readonly at: Position;
  /** Goes on after a sink said it was slow. */
  resume(): void;
  /** Stops; the sink hears nothing more. */
  stop(): void;
}

/** How to follow; explained at {@link TokenFollower.follow}. */
export interface FollowOptions {
  readonly after?: Position | undefined;
  readonly owner?: boolean | undefined;
  readonly exposes?: boolean | undefined;
}

/** The reading side, one per ingress process. */
export interface TokenFollower {
  /** This process's live channel, to be given to {@link RequestStore.create}. Subscribed once {@link start} resolved. */
  readonly channel: string;
  start(): Promise<void>;
  /**
   * Tells `sink` everything behind `after` (default: from the start), live or from the log. `owner`: the request was created
   * with this process's channel, and not enqueued yet, so that nothing can be in the log. Otherwise its worker is asked to
   * publish here too, and the request is marked as exposed, unless `exposes` is false: the sink shows nothing before the end, or
   * can begin anew.
   */
  follow(id: RequestId, sink: TokenSink, options?: FollowOptions): Following;
  stop(): Promise<void>;
}

import {
  CodedError,
  type Endpoint,
  type RequestState,
  type Terminal,
  type Usage,
} from "@expert-router/contracts";
import { EngineError, type InferenceEngine } from "@expert-router/engine";
import type { JobOutcome, TakenJob } from "@expert-router/queue";
import type { Logger, Metrics } from "@expert-router/telemetry";
import {
  LogWriteFailed,
  type AttemptWriter,
  type OpenedAttempt,
  type RedisStoredBytes,
  type TokenPublisher,
} from "@expert-router/token-stream";
import { AnswerBound, type AnswerLimits } from "./answer-bound.js";
import type { AbsentFollowers } from "./absent-followers.js";
import { continuationBehind, usageBehind } from "./continuation.js";
import { AttemptStopped, StopSwitch } from "./running-attempt.js";

/** Settings of a {@link JobRunner}. */
export interface JobRunnerOptions {
  readonly workerId: string;
  readonly expert: string;
  readonly maxAttempts: number;
  readonly answerLimits: AnswerLimits;
}

/** First pause after a failure that another attempt may cure; doubled with each attempt. */
const retryDelayMs = 250;
const maxRetryDelayMs = 10_000;
/** Pause after Redis refused a write. */
const writeRetryMs = 1_000;

/** Where a running attempt got to. */
interface Progress {
  usage: Usage | undefined;
  deltas: number;
  readonly bound: AnswerBound;
}

/** Runs one taken job: opens an attempt, calls the engine, writes the deltas, and closes the log or leaves it to the next. */
export class JobRunner {
  private readonly running = new Set<StopSwitch>();
  private readonly continues: readonly Endpoint[];

  constructor(
    private readonly engine: InferenceEngine,
    private readonly publisher: TokenPublisher,
    private readonly absent: Pick<AbsentFollowers, "watch">,
    private readonly stored: Pick<RedisStoredBytes, "add">,
    private readonly metrics: Metrics,
    private readonly logger: Logger,
    private readonly options: JobRunnerOptions,
  ) {
    const { continuesChat, continuesCompletion } = engine.capabilities;
    this.continues = [
      ...(continuesChat ? (["/v1/chat/completions"] as const) : []),
      ...(continuesCompletion ? (["/v1/completions"] as const) : []),
    ];
  }

  /** Stops every running attempt; their jobs go back to the queue with all that was written. */
  handBackAll(): void {
    for (const stopSwitch of this.running) stopSwitch.stop("hand-back");
  }

  async run(job: TakenJob): Promise<JobOutcome> {
    const { workerId } = this.options;
    const opened = await this.publisher.open(job.id, { workerId, continues: this.continues });
    const { request, writer } = opened;
    if (request === undefined || writer === undefined) return { type: "done" };
    this.countOpening(opened, request);

    const refusal = this.refusalOf(opened, request);
    if (refusal !== undefined) return this.close(writer, request, refusal);
    const continuation = continuationBehind(opened.accepted);
    if (continuation.type === "whole") return this.close(writer, request, { status: "completed" });
    if (continuation.type === "impossible") return this.close(writer, request, interrupted);

    const stopSwitch = new StopSwitch();
    stopSwitch.onAbort(job.lockLost, () => "lock-lost");
    stopSwitch.onAbort(writer.signal, () =>
      writer.signal.reason instanceof LogWriteFailed ? "write-failed" : "closed",
    );
    stopSwitch.at(request.deadlineAtMs);
    const unwatch =
      request.kind === "sync"
        ? this.absent.watch(opened.liveChannels, () => stopSwitch.stop("unheard"))
        : undefined;
    this.running.add(stopSwitch);
    const progress: Progress = {
      usage: undefined,
      deltas: 0,
      bound: new AnswerBound(this.options.answerLimits, opened.accepted),
    };
    try {
      // An ingress that is known to be gone leaves requests in the queue as well.
      stopSwitch.signal.throwIfAborted();
      const call = {
        endpoint: request.endpoint,
        body: request.body,
        ...(continuation.tokens > 0 && { continueBehind: continuation }),
      };
      await this.generate(call, writer, stopSwitch.signal, progress);
      return await this.close(writer, request, {
        status: "completed",
        usage: usageBehind(progress.usage, continuation.tokens),
      });
    } catch (error) {
      return await this.settleFailure(error, opened, request, writer, progress);
    } finally {
      stopSwitch.dispose();
      unwatch?.();
      this.stored.add(request.tenant, request.kind, progress.bound.addedBytes);
      this.running.delete(stopSwitch);
    }
  }

  private async generate(
    call: Parameters<InferenceEngine["generate"]>[0],
    writer: AttemptWriter,
    signal: AbortSignal,
    progress: Progress,
  ): Promise<void> {
    for await (const events of this.engine.generate(call, signal)) {
      let hasRoom = true;
      for (const event of events) {
        if (event.type === "delta") {
          progress.bound.add(event.delta);
          hasRoom = writer.append(event.delta);
          progress.deltas += 1;
        } else {
          progress.usage = event.usage;
        }
      }
      if (!hasRoom) await writer.drained();
    }
    // An attempt that lost its log must not be taken for a finished one.
    signal.throwIfAborted();
  }

  private async settleFailure(
    error: unknown,
    opened: OpenedAttempt,
    request: RequestState,
    writer: AttemptWriter,
    progress: Progress,
  ): Promise<JobOutcome> {
    if (error instanceof AttemptStopped) return this.settleStop(error, request, writer);
    if (error instanceof LogWriteFailed) return this.retryWriting(request, error);
    const coded =
      error instanceof CodedError
        ? error
        : new CodedError("internal_error", "The worker failed.", { cause: error });
    const { id } = request;
    this.metrics.engineErrors.inc({ expert: this.options.expert, code: coded.code });
    // An engine's own words may repeat the prompt, so they are for the client alone.
    const detail = error instanceof EngineError ? { upstreamStatus: error.upstreamStatus } : { err: error };
    this.logger.warn({ id, attempt: opened.attempt, code: coded.code, ...detail }, "the attempt failed");
    // An engine that took nothing in is no fault of the request. The pauses grow, and its deadline ends them.
    const uncounted =
      progress.deltas === 0 && (coded.code === "engine_unreachable" || coded.code === "engine_overloaded");
    const triesLeft = uncounted || opened.attempt < this.options.maxAttempts;
    if (coded.definition.retryable && triesLeft) {
      await writer.release({ uncounted });
      this.metrics.handBacks.inc({ expert: this.options.expert, cause: "retry" });
      const delayMs =
        coded.retryAfterS === undefined
          ? Math.min(maxRetryDelayMs, retryDelayMs * 2 ** (opened.attempt - 1 + (request.refusals ?? 0)))
          : coded.retryAfterS * 1_000;
      return { type: "retry", delayMs };
    }
    return this.close(writer, request, {
      status: "failed",
      error: { code: coded.code, message: coded.message },
    });
  }

  private async settleStop(
    stopped: AttemptStopped,
    request: RequestState,
    writer: AttemptWriter,
  ): Promise<JobOutcome> {
    if (stopped.stopCause === "write-failed") return this.retryWriting(request, writer.signal.reason);
    if (stopped.stopCause === "unheard") return this.close(writer, request, { status: "cancelled" });
    if (stopped.stopCause === "deadline") return this.close(writer, request, expired);
    if (stopped.stopCause === "hand-back") {
      await writer.release({ uncounted: true });
      this.metrics.handBacks.inc({ expert: this.options.expert, cause: "drain" });
      return { type: "hand-back" };
    }
    // The log is closed, or somebody else owns it by now.
    await writer.release();
    return { type: "done" };
  }

  /** The log has what was accepted before and is open, so the next attempt goes on from there. */
  private retryWriting(request: RequestState, reason: unknown): JobOutcome {
    this.logger.warn({ id: request.id, err: reason }, "Redis refused a write; the request is tried again");
    this.metrics.handBacks.inc({ expert: this.options.expert, cause: "retry" });
    return { type: "retry", delayMs: writeRetryMs };
  }

  private refusalOf(opened: OpenedAttempt, request: RequestState): Terminal | undefined {
    if (request.deadlineAtMs !== undefined && request.deadlineAtMs <= Date.now()) return expired;
    if (opened.mode === "interrupted") return interrupted;
    if (opened.attempt > this.options.maxAttempts) {
      const message = `All ${this.options.maxAttempts} attempts at this request ended without an answer.`;
      return { status: "failed", error: { code: "attempts_exhausted", message } };
    }
    return undefined;
  }

  private async close(writer: AttemptWriter, request: RequestState, end: Terminal): Promise<JobOutcome> {
    const terminal: Terminal = { ...end, queueMs: queueMsOf(request) };
    if ((await writer.close(terminal)) === "closed") {
      const { expert } = this.options;
      this.metrics.jobs.inc({ status: terminal.status });
      // The ingress that a client waits at measures the time of a sync request.
      if (request.kind === "job") {
        const seconds = Math.max(0, Date.now() - request.createdAtMs) / 1_000;
        this.metrics.requestSeconds.observe({ expert, status: terminal.status }, seconds);
      }
      if (terminal.usage !== undefined) {
        this.metrics.tokens.inc({ expert, kind: "prompt" }, terminal.usage.prompt_tokens);
        this.metrics.tokens.inc({ expert, kind: "completion" }, terminal.usage.completion_tokens);
      }
    }
    return { type: "done" };
  }

  private countOpening(opened: OpenedAttempt, request: RequestState): void {
    const { expert } = this.options;
    this.metrics.attempts.inc({ expert, mode: opened.mode });
    if (opened.attempt > 1) return;
    this.metrics.queueWaitSeconds.observe(
      { expert, class: request.priorityClass },
      queueMsOf(request) / 1_000,
    );
  }
}

/** Clocks of two machines may differ; a wait is never negative. */
function queueMsOf(request: RequestState): number {
  return Math.max(0, (request.startedAtMs ?? Date.now()) - request.createdAtMs);
}

const expired: Terminal = {
  status: "expired",
  error: { code: "deadline_exceeded", message: "The deadline passed before the answer was complete." },
};

const interrupted: Terminal = {
  status: "failed",
  error: {
    code: "stream_interrupted",
    message:
      "The answer broke off after a part of it was delivered, and it cannot be continued. Send the request again.",
  },
};

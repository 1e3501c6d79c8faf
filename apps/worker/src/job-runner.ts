import {
  becomesDeadLetter,
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
  type RedisDeadLetters,
  type OpenedAttempt,
  type RedisStoredBytes,
  type TokenPublisher,
} from "@expert-router/token-stream";
import { answerCost } from "./answer-cost.js";
import { AnswerBound, type AnswerLimits } from "./answer-bound.js";
import type { AbsentFollowers } from "./absent-followers.js";
import { acceptedText, DeltaSize, isWhole, usageBehind } from "./continuation.js";
import type { CircuitCall, EngineCircuit } from "./engine-circuit.js";
import type { EngineCredits } from "./engine-credits.js";
import { AttemptStopped, StopSwitch } from "./running-attempt.js";
import { StopGuard } from "./stop-guard.js";

/** What a {@link JobRunner} works with. */
export interface JobRunnerParts {
  readonly engine: InferenceEngine;
  readonly circuit: EngineCircuit;
  readonly credits: EngineCredits;
  readonly publisher: TokenPublisher;
  readonly deadLetters: Pick<RedisDeadLetters, "add" | "remove">;
  readonly absent: Pick<AbsentFollowers, "watch">;
  readonly stored: Pick<RedisStoredBytes, "add">;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** Settings of a {@link JobRunner}. */
export interface JobRunnerOptions {
  readonly workerId: string;
  readonly expert: string;
  readonly maxAttempts: number;
  /** Time that one attempt may take, from its start. */
  readonly runTimeoutMs: number;
  /** How long a dead letter is kept. */
  readonly deadKeptMs: number;
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
  /** Tokens that earlier attempts wrote. */
  readonly tokensBefore: number;
  readonly bound: AnswerBound;
}

/** Runs one taken job: opens an attempt, calls the engine, writes the deltas, and closes the log or leaves it to the next. */
export class JobRunner {
  private readonly running = new Set<StopSwitch>();
  private handsBack = false;
  private readonly continues: readonly Endpoint[];
  private readonly deltaSize = new DeltaSize();

  constructor(
    private readonly parts: JobRunnerParts,
    private readonly options: JobRunnerOptions,
  ) {
    const { continuesChat, continuesCompletion } = parts.engine.capabilities;
    this.continues = [
      ...(continuesChat ? (["/v1/chat/completions"] as const) : []),
      ...(continuesCompletion ? (["/v1/completions"] as const) : []),
    ];
  }

  get circuit(): EngineCircuit {
    return this.parts.circuit;
  }

  get credits(): EngineCredits {
    return this.parts.credits;
  }

  /** Stops every attempt that runs or begins from now on; their jobs go back to the queue with all that was written. */
  handBackAll(): void {
    this.handsBack = true;
    for (const stopSwitch of this.running) stopSwitch.stop("hand-back");
  }

  async run(job: TakenJob): Promise<JobOutcome> {
    const circuitCall = this.parts.circuit.begin();
    if (circuitCall === undefined) return this.leaveToOthers();
    try {
      return await this.attempt(job, circuitCall);
    } finally {
      circuitCall.ended();
    }
  }

  private async attempt(job: TakenJob, circuitCall: CircuitCall): Promise<JobOutcome> {
    const { workerId } = this.options;
    const opened = await this.parts.publisher.open(job.id, { workerId, continues: this.continues });
    const { request, writer } = opened;
    if (request === undefined || writer === undefined) return { type: "done" };
    this.countOpening(opened, request);

    if (isWhole(opened.accepted, request.body["n"]))
      return this.close(writer, request, { status: "completed" });
    const refusal = this.refusalOf(opened, request);
    if (refusal !== undefined) return this.close(writer, request, refusal);
    const accepted = acceptedText(opened.accepted);
    if (accepted === undefined) return this.giveUpContinuing(request, writer);
    const behind = { text: accepted.text, tokens: this.deltaSize.estimate(accepted.deltas) };

    const stopSwitch = new StopSwitch();
    stopSwitch.onAbort(job.lockLost, () => "lock-lost");
    stopSwitch.onAbort(writer.signal, () =>
      writer.signal.reason instanceof LogWriteFailed ? "write-failed" : "closed",
    );
    stopSwitch.at(request.deadlineAtMs);
    stopSwitch.after(this.options.runTimeoutMs, "out-of-time");
    const unwatch =
      request.kind === "sync" && request.repeatable !== true
        ? this.parts.absent.watch(opened.liveChannels, () => stopSwitch.stop("unheard"))
        : undefined;
    if (this.handsBack) stopSwitch.stop("hand-back");
    this.running.add(stopSwitch);
    const progress: Progress = {
      usage: undefined,
      deltas: 0,
      tokensBefore: behind.tokens,
      bound: new AnswerBound(this.options.answerLimits, opened.accepted),
    };
    try {
      // An ingress that is known to be gone leaves requests in the queue as well.
      stopSwitch.signal.throwIfAborted();
      const call = {
        endpoint: request.endpoint,
        body: request.body,
        ...(behind.tokens > 0 && { continueBehind: behind }),
      };
      await this.generate(call, writer, stopSwitch.signal, progress, circuitCall);
      if (request.continuable && behind.tokens === 0 && progress.usage !== undefined)
        this.deltaSize.observe(progress.usage.completion_tokens, progress.deltas);
      const usage = usageBehind(progress.usage, behind.tokens);
      return await this.close(writer, request, { status: "completed", usage }, progress);
    } catch (error) {
      circuitCall.ended(error instanceof EngineError ? error : undefined);
      return await this.settleFailure(error, opened, request, writer, progress);
    } finally {
      stopSwitch.dispose();
      unwatch?.();
      if (request.kind !== "batch")
        this.parts.stored.add(request.tenant, request.kind, progress.bound.addedBytes);
      this.running.delete(stopSwitch);
    }
  }

  private async generate(
    call: Parameters<InferenceEngine["generate"]>[0],
    writer: AttemptWriter,
    signal: AbortSignal,
    progress: Progress,
    circuitCall: CircuitCall,
  ): Promise<void> {
    const guard = new StopGuard(call.body["stop"]);
    const meter = this.parts.credits.measure();
    for await (const events of this.parts.engine.generate(call, signal)) {
      if (progress.deltas === 0) circuitCall.answered();
      const deltasBefore = progress.deltas;
      let hasRoom = true;
      for (const event of events) {
        if (event.type === "delta") {
          progress.bound.add(event.delta);
          for (const delta of guard.push(event.delta)) hasRoom = writer.append(delta);
          progress.deltas += 1;
        } else {
          progress.usage = event.usage;
        }
      }
      meter.received(progress.deltas - deltasBefore);
      if (hasRoom) continue;
      await writer.drained();
      meter.resumed();
    }
    for (const delta of guard.end()) writer.append(delta);
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
    if (error instanceof AttemptStopped) return this.settleStop(error, request, writer, progress);
    if (error instanceof LogWriteFailed) return this.retryWriting(request, error);
    const coded =
      error instanceof CodedError
        ? error
        : new CodedError("internal_error", "The worker failed.", { cause: error });
    const { id } = request;
    this.parts.metrics.engineErrors.inc({ expert: this.options.expert, code: coded.code });
    // An engine's own words may repeat the prompt, so they are for the client alone.
    const detail = error instanceof EngineError ? { upstreamStatus: error.upstreamStatus } : { err: error };
    this.parts.logger.warn(
      { id, attempt: opened.attempt, code: coded.code, ...detail },
      "the attempt failed",
    );
    // An engine that took nothing in is no fault of the request. The pauses grow, and its deadline ends them.
    const uncounted =
      progress.deltas === 0 && (coded.code === "engine_unreachable" || coded.code === "engine_overloaded");
    const triesLeft = uncounted || opened.attempt < this.options.maxAttempts;
    if (coded.definition.retryable && triesLeft) {
      await writer.release({ uncounted });
      if (this.parts.circuit.state === "open") return this.leaveToOthers();
      this.parts.metrics.handBacks.inc({ expert: this.options.expert, cause: "retry" });
      const delayMs =
        coded.retryAfterS === undefined
          ? Math.min(maxRetryDelayMs, retryDelayMs * 2 ** (opened.attempt - 1 + (request.refusals ?? 0)))
          : coded.retryAfterS * 1_000;
      return { type: "retry", delayMs };
    }
    const end: Terminal = { status: "failed", error: { code: coded.code, message: coded.message } };
    return this.close(writer, request, end, progress);
  }

  /** This worker takes nothing while its circuit is open, so the request cannot come back here at once. */
  private leaveToOthers(): JobOutcome {
    this.parts.metrics.handBacks.inc({ expert: this.options.expert, cause: "circuit-open" });
    return { type: "hand-back" };
  }

  private async settleStop(
    stopped: AttemptStopped,
    request: RequestState,
    writer: AttemptWriter,
    progress: Progress,
  ): Promise<JobOutcome> {
    if (stopped.stopCause === "write-failed") return this.retryWriting(request, writer.signal.reason);
    if (stopped.stopCause === "unheard")
      return this.close(writer, request, { status: "cancelled" }, progress);
    if (stopped.stopCause === "deadline") return this.close(writer, request, expired, progress);
    if (stopped.stopCause === "out-of-time") return this.close(writer, request, ranTooLong, progress);
    if (stopped.stopCause === "hand-back") {
      await writer.release({ uncounted: true });
      this.parts.metrics.handBacks.inc({ expert: this.options.expert, cause: "drain" });
      return { type: "hand-back" };
    }
    // The log is closed, or somebody else owns it by now.
    await writer.release();
    return { type: "done", tokens: costOf(request, progress) };
  }

  /** The log has what was accepted before and is open, so the next attempt goes on from there. */
  private retryWriting(request: RequestState, reason: unknown): JobOutcome {
    this.parts.logger.warn(
      { id: request.id, err: reason },
      "Redis refused a write; the request is tried again",
    );
    this.parts.metrics.handBacks.inc({ expert: this.options.expert, cause: "retry" });
    return { type: "retry", delayMs: writeRetryMs };
  }

  /** What was written is more than text. Unless somebody saw it, the next attempt starts over. */
  private async giveUpContinuing(request: RequestState, writer: AttemptWriter): Promise<JobOutcome> {
    if (request.exposed) return this.close(writer, request, interrupted);
    await writer.release({ uncounted: true, continuable: false });
    return { type: "hand-back" };
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

  /** `progress`: of the engine call, if there was one. */
  private async close(
    writer: AttemptWriter,
    request: RequestState,
    end: Terminal,
    progress?: Progress,
  ): Promise<JobOutcome> {
    const terminal: Terminal = { ...end, queueMs: queueMsOf(request) };
    const { expert, deadKeptMs, maxAttempts } = this.options;
    const code = terminal.error?.code;
    // A line of a batch that fails is in the batch's error file.
    const dead = request.kind !== "batch" && terminal.status === "failed" && becomesDeadLetter(code);
    if (dead) {
      // Listed before it is closed: a crash in between leaves an open request, whose next attempt comes here again.
      const attempts = Math.min(request.attempts, maxAttempts);
      const letter = { id: request.id, expert, code: code ?? "", attempts, failedAtMs: Date.now() };
      await this.parts.deadLetters.add(letter);
    }
    const closed = await writer.close(terminal, dead ? { deadKeptMs } : {});
    if (closed !== "closed" && dead) await this.parts.deadLetters.remove(expert, request.id);
    if (closed === "closed") {
      if (dead) this.parts.metrics.deadLettersAdded.inc({ expert, code: code ?? "" });
      this.parts.metrics.jobs.inc({ status: terminal.status });
      // The ingress that a client waits at measures the time of a sync request.
      if (request.kind !== "sync") {
        const seconds = Math.max(0, Date.now() - request.createdAtMs) / 1_000;
        this.parts.metrics.requestSeconds.observe({ expert, status: terminal.status }, seconds);
      }
      if (terminal.usage !== undefined) {
        this.parts.metrics.tokens.inc({ expert, kind: "prompt" }, terminal.usage.prompt_tokens);
        this.parts.metrics.tokens.inc({ expert, kind: "completion" }, terminal.usage.completion_tokens);
      }
    }
    return { type: "done", tokens: progress && costOf(request, progress, terminal.usage) };
  }

  private countOpening(opened: OpenedAttempt, request: RequestState): void {
    const { expert } = this.options;
    this.parts.metrics.attempts.inc({ expert, mode: opened.mode });
    if (opened.attempt > 1) return;
    this.parts.metrics.queueWaitSeconds.observe(
      { expert, class: request.priorityClass },
      queueMsOf(request) / 1_000,
    );
  }
}

/** What the request cost, for its tenant's share: nothing where the engine gave nothing. */
function costOf(request: RequestState, progress: Progress, usage?: Usage): number {
  const answered = progress.tokensBefore + progress.deltas;
  return usage === undefined && answered === 0 ? 0 : answerCost(request.body, answered, usage);
}

/** Clocks of two machines may differ; a wait is never negative. */
function queueMsOf(request: RequestState): number {
  return Math.max(0, (request.startedAtMs ?? Date.now()) - request.createdAtMs);
}

const expired: Terminal = {
  status: "expired",
  error: { code: "deadline_exceeded", message: "The deadline passed before the answer was complete." },
};

const ranTooLong: Terminal = {
  status: "failed",
  error: { code: "run_timeout", message: "The engine took longer than one attempt may take." },
};

const interrupted: Terminal = {
  status: "failed",
  error: {
    code: "stream_interrupted",
    message:
      "The answer broke off after a part of it was delivered, and it cannot be continued. Send the request again.",
  },
};

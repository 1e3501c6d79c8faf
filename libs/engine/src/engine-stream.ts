import type { IncomingHttpHeaders } from "node:http";
import type { Dispatcher } from "undici";
import { EngineError } from "./engine-error.js";
import type { EnginePulse } from "./engine-pulse.js";
import type { EngineEvent } from "./inference-engine.js";
import type { StreamDecoder } from "./stream-decoder.js";
import { failureInStream, failureOfConnection, failureOfStatus, readErrorBody } from "./upstream-failure.js";

/** What an {@link EngineStream} has to know of its engine; waits are in ms. */
export interface StreamSettings {
  /** From the call to the first token, connecting and waiting in the engine's queue included. */
  readonly firstTokenMs: number;
  readonly interTokenMs: number;
  /** The family's way of refusing with a 5xx. */
  readonly disguisedRejection?: RegExp | undefined;
  /** Of the engine, so that a request in its queue is not taken for one that it forgot. */
  readonly pulse?: EnginePulse | undefined;
}

/** Events kept for a slow consumer before the connection is told to wait. */
const maxKeptEvents = 512;
/** A silence is excused so often in a row while the engine serves others. */
const maxExcuses = 9;
const maxErrorBodyBytes = 64 * 1024;
/** Time for a server to end the body behind its last event, so that the connection can be used again. */
const closingGraceMs = 2_000;

/**
 * One call of an inference server: undici's handler on one side, an iterator of events on the other. The call starts
 * with the iterator; a consumer that leaves early closes the connection.
 */
export class EngineStream implements AsyncIterator<readonly EngineEvent[]>, Dispatcher.DispatchHandler {
  private events: EngineEvent[] = [];
  private waiting:
    | { resolve(result: IteratorResult<readonly EngineEvent[]>): void; reject(error: unknown): void }
    | undefined;
  /** How the call ended; nothing more happens once it is set. */
  private outcome: { readonly error?: unknown } | undefined;
  private controller: Dispatcher.DispatchController | undefined;
  private timer: NodeJS.Timeout;
  private sawToken = false;
  /** Reads that brought events. */
  private reads = 0;
  private excuses = 0;
  private status = 0;
  private retryAfter: string | undefined;
  /** Set where the body is an error, not a stream. */
  private errorBody: Buffer[] | undefined;
  private readonly onAbort = (): void => this.fail(this.signal.reason);

  constructor(
    private readonly decoder: StreamDecoder,
    private readonly settings: StreamSettings,
    private readonly signal: AbortSignal,
    dispatch: (handler: Dispatcher.DispatchHandler) => void,
  ) {
    this.timer = setTimeout(() => this.onIdle(), settings.firstTokenMs);
    signal.addEventListener("abort", this.onAbort, { once: true });
    if (signal.aborted) this.fail(signal.reason);
    else dispatch(this);
  }

  next(): Promise<IteratorResult<readonly EngineEvent[]>> {
    if (this.events.length > 0) {
      const value = this.events;
      this.events = [];
      if (this.controller?.paused === true) {
        this.timer.refresh();
        this.controller.resume();
      }
      return Promise.resolve({ done: false, value });
    }
    if (this.outcome !== undefined) {
      const { outcome } = this;
      this.outcome = {};
      return "error" in outcome
        ? Promise.reject(outcome.error)
        : Promise.resolve({ done: true, value: undefined });
    }
    return new Promise((resolve, reject) => (this.waiting = { resolve, reject }));
  }

  return(): Promise<IteratorResult<readonly EngineEvent[]>> {
    this.events = [];
    if (this.outcome === undefined) {
      this.settle({});
      this.breakOff();
    }
    return Promise.resolve({ done: true, value: undefined });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    if (this.outcome !== undefined) this.breakOff();
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    if (status < 200) return;
    this.status = status;
    this.retryAfter = headers["retry-after"];
    const type = headers["content-type"] ?? "";
    if (status !== 200 || !type.startsWith("text/event-stream")) this.errorBody = [];
  }

  onResponseData(controller: Dispatcher.DispatchController, bytes: Buffer): void {
    if (this.outcome !== undefined) return;
    if (this.errorBody !== undefined) {
      this.errorBody.push(bytes);
      if (this.errorBody.reduce((sum, part) => sum + part.length, 0) > maxErrorBodyBytes) this.failByBody();
      return;
    }
    const before = this.events.length;
    try {
      this.decoder.push(bytes, this.events);
    } catch (error) {
      // What came before the bad event is part of the answer.
      this.hand();
      this.fail(error);
      return;
    }
    if (this.events.length > before) this.noteProgress();
    this.hand();
    if (this.decoder.done) this.finish();
    else if (this.events.length >= maxKeptEvents) controller.pause();
  }

  onResponseEnd(): void {
    clearTimeout(this.timer);
    if (this.outcome !== undefined) return;
    if (this.errorBody !== undefined) {
      this.failByBody();
      return;
    }
    try {
      this.decoder.end(this.events);
    } catch (error) {
      this.fail(error);
      return;
    }
    this.hand();
    this.settle({});
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    clearTimeout(this.timer);
    if (this.outcome === undefined) this.fail(failureOfConnection(error, this.status !== 0));
  }

  /** Everything was said; the rest of the body is awaited for the sake of the connection only. */
  private finish(): void {
    this.settle({});
    this.timer = setTimeout(() => this.breakOff(), closingGraceMs);
    this.timer.unref();
  }

  private noteProgress(): void {
    this.reads += 1;
    this.excuses = 0;
    this.settings.pulse?.noteToken();
    if (this.sawToken) {
      this.timer.refresh();
      return;
    }
    this.sawToken = true;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.onIdle(), this.settings.interTokenMs);
  }

  private onIdle(): void {
    if (this.controller?.paused === true) {
      // It is the consumer that is slow.
      this.timer.refresh();
      return;
    }
    // After a stall of this process timers come before the bytes that arrived meanwhile: those are let in first.
    const { reads } = this;
    setImmediate(() => {
      if (this.outcome !== undefined) return;
      if (this.reads === reads && !this.isExcused()) this.fail(this.idleError());
      else this.timer.refresh();
    });
  }

  /** The engine is slow, not dead: it has a queue of its own and gives tokens to others. */
  private isExcused(): boolean {
    const { pulse, firstTokenMs, interTokenMs } = this.settings;
    if (pulse?.isServingOthers(Math.min(firstTokenMs, interTokenMs)) !== true) return false;
    this.excuses += 1;
    return this.excuses <= maxExcuses;
  }

  private idleError(): EngineError {
    const message = this.sawToken
      ? `The engine sent nothing for ${this.settings.interTokenMs} ms in the middle of its answer.`
      : `The engine sent no token within ${this.settings.firstTokenMs} ms.`;
    return new EngineError("engine_timeout", message);
  }

  private failByBody(): void {
    const body = Buffer.concat(this.errorBody ?? []).toString("utf8");
    if (this.status !== 200)
      return this.fail(failureOfStatus(this.status, body, this.retryAfter, this.settings.disguisedRejection));
    const { message } = readErrorBody(body);
    const isError = message !== undefined && body.trimStart().startsWith("{");
    const wrongType = new EngineError(
      "engine_protocol_error",
      "The engine answered with something other than an event stream.",
      {
        upstreamStatus: this.status,
      },
    );
    this.fail(isError ? failureInStream(errorOf(body)) : wrongType);
  }

  private fail(error: unknown): void {
    if (this.outcome !== undefined) return;
    this.settle({ error });
    this.breakOff();
  }

  private settle(outcome: { readonly error?: unknown }): void {
    this.outcome = outcome;
    clearTimeout(this.timer);
    this.signal.removeEventListener("abort", this.onAbort);
    const { waiting } = this;
    if (waiting === undefined) return;
    this.waiting = undefined;
    this.outcome = {};
    if ("error" in outcome) waiting.reject(outcome.error);
    else waiting.resolve({ done: true, value: undefined });
  }

  /** Gives what there is to a consumer that waits for it. */
  private hand(): void {
    const { waiting, events } = this;
    if (waiting === undefined || events.length === 0) return;
    this.waiting = undefined;
    this.events = [];
    waiting.resolve({ done: false, value: events });
  }

  private breakOff(): void {
    clearTimeout(this.timer);
    this.controller?.abort(new Error("the call is over"));
  }
}

function errorOf(body: string): unknown {
  const parsed = JSON.parse(body) as { error?: unknown };
  return parsed.error ?? parsed;
}

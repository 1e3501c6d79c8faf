import type { CodedError, Delta, RequestRecord, RequestState, Terminal } from "@expert-router/contracts";
import type { Following } from "@expert-router/token-stream";
import type { FastifyReply } from "fastify";
import type { AnswerObserver, OpenAnswer } from "../answers/answer-context.js";
import type { PlaceViewer } from "../answers/queue-places.js";
import type { WaitingSink } from "../completions/waiting-sink.js";
import { toCodedError } from "../http/error-answer.js";
import { SseResponse, sseComment } from "../http/sse-response.js";
import { ResponseEvents } from "./response-events.js";
import { onClosed } from "../http/on-closed.js";

/** What a stream of a response is made from. */
export interface ResponseStreamOptions {
  readonly record: RequestRecord;
  /** Number of the last event that the client has. */
  readonly after?: number | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly pingMs: number;
  /** The record at the end. */
  readonly finalState: () => Promise<RequestState | undefined>;
  /** Who hears of it where the client's leaving matters; undefined: the response lives on its own. */
  readonly observer?: AnswerObserver | undefined;
  readonly deadlineAtMs?: number | undefined;
  /** Unix time in ms by which a worker should have taken it; undefined: its deadline is enough. */
  readonly startByMs?: number | undefined;
}

/** A response as server-sent events, while it runs or afterwards. */
export class ResponseStream implements WaitingSink, OpenAnswer, PlaceViewer {
  readonly isResumable: boolean;
  readonly deadlineAtMs: number | undefined;
  private state: "waiting" | "open" | "over" = "waiting";
  private isOverdue = false;
  private following: Following | undefined;
  private readonly events: ResponseEvents;
  private readonly sse: SseResponse;
  private ping: NodeJS.Timeout | undefined;

  constructor(
    private readonly reply: FastifyReply,
    private readonly options: ResponseStreamOptions,
  ) {
    this.isResumable = options.observer === undefined;
    this.deadlineAtMs = options.deadlineAtMs;
    this.events = new ResponseEvents(options.record, options.after);
    this.sse = new SseResponse(reply.raw, { onDrain: () => this.following?.resume() });
    onClosed(reply.raw, () => this.clientLeft());
  }

  get isOver(): boolean {
    return this.state === "over";
  }

  attach(following: Following): void {
    this.following = following;
    if (this.isOver) following.stop();
  }

  /** Begins the answer: from now on whatever fails is told inside of it. */
  open(): void {
    if (this.state !== "waiting") return;
    this.state = "open";
    this.reply.hijack();
    this.sse.open(this.options.headers);
    this.ping = setInterval(() => {
      // Who does not read needs no sign of life, and gets nothing to keep for it.
      if (!this.sse.isBehind) this.sse.write(sseComment("ping"));
    }, this.options.pingMs).unref();
    this.write(this.events.opening());
  }

  deltas(_epoch: number, _first: number, deltas: readonly Delta[]): boolean {
    if (this.isOver) return true;
    const hadText = this.events.hasText;
    this.open();
    let text = "";
    for (const delta of deltas) text += this.events.delta(delta);
    if (!hadText && this.events.hasText)
      this.options.observer?.firstToken((Date.now() - this.options.record.createdAtMs) / 1_000);
    return this.write(text);
  }

  restart(): void {
    // A followed response is exposed, so its log never restarts; if it did, the client would hold text that is void.
    if (this.events.hasText) this.fail(new Error("an exposed answer started over"));
  }

  end(terminal: Terminal): void {
    if (this.isOver) return;
    this.open();
    this.options.observer?.ended(terminal);
    void this.options.finalState().then(
      (state) => this.finish(state === undefined ? "" : this.events.end(terminal, state)),
      (error: unknown) => this.finish(this.events.error(toCodedError(error))),
    );
  }

  fail(error: Error): void {
    this.interrupt(toCodedError(error));
  }

  /** A client that can go on elsewhere is not told of an error: its stream just stops. */
  interrupt(error: CodedError): void {
    if (this.isOver) return;
    const { observer } = this.options;
    this.open();
    if (observer !== undefined) observer.failedInStream(error);
    this.finish(observer === undefined ? "" : this.events.error(error));
    observer?.abandoned();
  }

  startOver(): boolean {
    return !this.events.hasText;
  }

  get isWaiting(): boolean {
    return !this.isOver && !this.events.hasText;
  }

  showPlace(text: string): void {
    if (this.isWaiting && this.state === "open" && !this.sse.isBehind) this.sse.write(sseComment(text));
  }

  get startByMs(): number | undefined {
    return this.events.hasText || this.isOverdue ? undefined : this.options.startByMs;
  }

  overdue(): void {
    this.isOverdue = true;
    this.options.observer?.waitedLong();
  }

  expire(): void {
    this.options.observer?.late();
  }

  /** The request never got into the system; its caller answers. */
  discard(): void {
    this.stop();
  }

  private write(text: string): boolean {
    return text === "" || this.sse.write(text);
  }

  private finish(text: string): void {
    if (this.isOver) return;
    this.stop();
    this.sse.end(text);
  }

  private clientLeft(): void {
    if (this.isOver) return;
    if (this.state === "waiting") this.reply.hijack();
    this.stop();
    this.options.observer?.abandoned();
  }

  private stop(): void {
    this.state = "over";
    clearInterval(this.ping);
    this.following?.stop();
  }
}

import type { CodedError, Delta, Terminal } from "@expert-router/contracts";
import type { Following, TokenSink } from "@expert-router/token-stream";
import type { FastifyReply } from "fastify";
import { terminalError, toCodedError } from "../http/error-answer.js";
import { SseResponse, sseComment, sseData, sseDone } from "../http/sse-response.js";
import type { AnswerContext, OpenAnswer } from "./answer-context.js";
import type { PlaceViewer } from "./queue-places.js";
import { ChunkEncoder, tellsFinish } from "./chunk-encoder.js";
import { onClosed } from "../http/on-closed.js";

/** How a stream is to be written. */
export interface StreamedAnswerOptions {
  readonly includeUsage: boolean;
  /** Time in the queue after which headers and a comment are sent, so that proxies keep the connection. */
  readonly waitingCommentAfterMs: number;
}

/**
 * A `stream: true` answer: writes each batch of deltas with one write. Headers go out with the first delta, so
 * that whatever fails before it is answered with a proper status.
 */
export class StreamedAnswer implements TokenSink, OpenAnswer, PlaceViewer {
  /** Resolves once the stream has begun or the client has left; rejects if the request failed before. */
  readonly begun: Promise<void>;
  readonly isResumable = false;
  private following: Following | undefined;
  private state: "waiting" | "open" | "over" = "waiting";
  private roleSent = false;
  private finishSeen = false;
  private hasDelta = false;
  private isOverdue = false;
  private readonly encoder: ChunkEncoder;
  private readonly sse: SseResponse;
  private readonly waiting: NodeJS.Timeout;
  private settle!: { resolve: () => void; reject: (error: CodedError) => void };

  constructor(
    private readonly reply: FastifyReply,
    private readonly context: AnswerContext,
    private readonly options: StreamedAnswerOptions,
  ) {
    this.encoder = new ChunkEncoder(context.identity, options);
    this.sse = new SseResponse(reply.raw, { onDrain: () => this.following?.resume() });
    this.begun = new Promise((resolve, reject) => (this.settle = { resolve, reject }));
    // The request may fail before anybody awaits its beginning.
    this.begun.catch(() => undefined);
    onClosed(reply.raw, () => this.clientLeft());
    this.waiting = setInterval(() => this.comment(), options.waitingCommentAfterMs).unref();
  }

  get isOver(): boolean {
    return this.state === "over";
  }

  get isWaiting(): boolean {
    return this.state !== "over" && !this.hasDelta;
  }

  showPlace(text: string): void {
    if (!this.isWaiting) return;
    this.open();
    if (!this.sse.isBehind) this.sse.write(sseComment(text));
  }

  /** Names the follow that feeds this sink. */
  attach(following: Following): void {
    this.following = following;
    if (this.state === "over") following.stop();
  }

  deltas(_epoch: number, _first: number, deltas: readonly Delta[]): boolean {
    if (this.state === "over") return true;
    let text = this.hasDelta ? "" : this.begin();
    for (const delta of deltas) {
      const chunk = this.encoder.delta(delta);
      if (chunk !== undefined) text += sseData(chunk);
      if (typeof delta !== "string" && tellsFinish(delta)) this.finishSeen = true;
    }
    return text === "" || this.sse.write(text);
  }

  restart(): void {
    // A streamed request is exposed from the start, so its log never restarts; if it did, the client would hold
    // text that is void.
    if (this.hasDelta) this.fail(new Error("an exposed answer started over"));
  }

  end(terminal: Terminal): void {
    if (this.state === "over") return;
    this.context.observer.ended(terminal);
    if (terminal.status !== "completed") return this.over(terminalError(terminal));
    let text = this.hasDelta ? "" : this.begin();
    if (!this.finishSeen) text += sseData(this.encoder.stop());
    if (this.options.includeUsage) text += sseData(this.encoder.usage(terminal.usage));
    this.close(text + sseDone);
  }

  fail(error: Error): void {
    if (this.state === "over") return;
    this.over(toCodedError(error));
    this.context.observer.abandoned();
  }

  interrupt(error: CodedError): void {
    if (this.state === "over") return;
    this.following?.stop();
    this.over(error);
    this.context.observer.abandoned();
  }

  startOver(): boolean {
    return !this.hasDelta;
  }

  get deadlineAtMs(): number | undefined {
    return this.context.deadlineAtMs;
  }

  get startByMs(): number | undefined {
    return this.hasDelta || this.isOverdue ? undefined : this.context.startByMs;
  }

  overdue(): void {
    this.isOverdue = true;
    this.context.observer.waitedLong();
  }

  expire(): void {
    this.context.observer.late();
  }

  /** The request never got into the system; its caller answers. */
  discard(): void {
    this.state = "over";
    clearInterval(this.waiting);
  }

  /** What precedes the first delta: headers and, in a chat, the role. */
  private begin(): string {
    this.hasDelta = true;
    clearInterval(this.waiting);
    this.context.observer.firstToken((Date.now() - this.context.acceptedAtMs) / 1_000);
    this.open();
    if (this.roleSent || this.encoder.role === undefined) return "";
    this.roleSent = true;
    return sseData(this.encoder.role);
  }

  private open(): void {
    if (this.state !== "waiting") return;
    this.state = "open";
    this.reply.hijack();
    this.sse.open(this.context.headers);
    this.settle.resolve();
  }

  private comment(): void {
    this.open();
    this.sse.write(sseComment("waiting"));
  }

  private over(error: CodedError): void {
    if (this.state === "open") {
      this.context.observer.failedInStream(error);
      return this.close(sseData(JSON.stringify(error.toBody())));
    }
    this.state = "over";
    clearInterval(this.waiting);
    this.settle.reject(error);
  }

  private close(text: string): void {
    this.state = "over";
    clearInterval(this.waiting);
    this.sse.end(text);
  }

  private clientLeft(): void {
    if (this.state === "over") return;
    if (this.state === "waiting") this.reply.hijack();
    this.state = "over";
    clearInterval(this.waiting);
    this.following?.stop();
    this.context.observer.abandoned();
    this.settle.resolve();
  }
}

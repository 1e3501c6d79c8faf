import { CodedError, type Delta, type Terminal } from "@expert-router/contracts";
import type { Following, TokenSink } from "@expert-router/token-stream";
import type { ServerResponse } from "node:http";
import { terminalError, toCodedError } from "../http/error-answer.js";
import { AnswerAssembler } from "./answer-assembler.js";
import type { AnswerContext, OpenAnswer } from "./answer-context.js";
import { onClosed } from "../http/on-closed.js";

/** An answer without streaming: collects the deltas until the log ends. */
export class WholeAnswer implements TokenSink, OpenAnswer {
  /** Resolves with the answer, or with undefined if the client left; rejects if the request failed. */
  readonly body: Promise<Record<string, unknown> | undefined>;
  readonly isResumable = false;
  /** Time it waited in the queue, known at the end. */
  queueMs: number | undefined;
  private following: Following | undefined;
  private over = false;
  private hasDelta = false;
  private isOverdue = false;
  private readonly assembler = new AnswerAssembler();
  private settle!: {
    resolve: (body: Record<string, unknown> | undefined) => void;
    reject: (error: CodedError) => void;
  };

  constructor(
    response: ServerResponse,
    private readonly context: AnswerContext,
  ) {
    this.body = new Promise((resolve, reject) => (this.settle = { resolve, reject }));
    // The request may fail before anybody awaits its end.
    this.body.catch(() => undefined);
    onClosed(response, () => this.clientLeft());
  }

  get isOver(): boolean {
    return this.over;
  }

  /** Names the follow that feeds this sink. */
  attach(following: Following): void {
    this.following = following;
    if (this.over) following.stop();
  }

  deltas(_epoch: number, _first: number, deltas: readonly Delta[]): boolean {
    if (!this.hasDelta) {
      this.hasDelta = true;
      this.context.observer.firstToken((Date.now() - this.context.acceptedAtMs) / 1_000);
    }
    for (const delta of deltas) this.assembler.add(delta);
    return true;
  }

  restart(): void {
    this.assembler.restart();
  }

  end(terminal: Terminal): void {
    if (this.over) return;
    this.over = true;
    this.context.observer.ended(terminal);
    this.queueMs = terminal.queueMs;
    if (terminal.status !== "completed") return this.settle.reject(terminalError(terminal));
    this.settle.resolve(this.assembler.answer(this.context.identity, terminal.usage));
  }

  fail(error: Error): void {
    this.interrupt(toCodedError(error));
  }

  interrupt(error: CodedError): void {
    if (!this.leave()) return;
    this.settle.reject(error);
  }

  startOver(): boolean {
    this.assembler.restart();
    return true;
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
    this.over = true;
  }

  private clientLeft(): void {
    if (this.leave()) this.settle.resolve(undefined);
  }

  private leave(): boolean {
    if (this.over) return false;
    this.over = true;
    this.following?.stop();
    this.context.observer.abandoned();
    return true;
  }
}

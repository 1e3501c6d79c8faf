import type { ServerResponse } from "node:http";
import { Injectable } from "@nestjs/common";
import { shuttingDown } from "../http/error-answer.js";
import type { OpenAnswer } from "./answer-context.js";

/** All answers under way in this process. */
@Injectable()
export class OpenAnswers {
  private readonly answers = new Set<OpenAnswer>();
  private emptied: (() => void) | undefined;

  get size(): number {
    return this.answers.size;
  }

  /** Counts `answer` in until its response is closed. */
  track(answer: OpenAnswer, response: ServerResponse): void {
    this.answers.add(answer);
    response.once("close", () => {
      this.answers.delete(answer);
      if (this.answers.size === 0) this.emptied?.();
    });
  }

  /** Gives up the answers whose deadline has passed. */
  expireLate(nowMs: number): void {
    for (const answer of this.answers) {
      if (answer.deadlineAtMs !== undefined && answer.deadlineAtMs <= nowMs && !answer.isOver)
        answer.expire?.();
    }
  }

  /**
   * Ends what a client can resume elsewhere, waits at most `waitMs` for the rest, and only until `signal` is
   * aborted; then interrupts what is left.
   */
  async drain(waitMs: number, signal: AbortSignal): Promise<void> {
    this.interrupt((answer) => answer.isResumable);
    if (this.answers.size > 0) {
      const patience = AbortSignal.any([signal, AbortSignal.timeout(waitMs)]);
      await new Promise<void>((resolve) => {
        this.emptied = resolve;
        if (patience.aborted) resolve();
        patience.addEventListener("abort", () => resolve(), { once: true });
      });
    }
    this.interrupt(() => true);
  }

  private interrupt(which: (answer: OpenAnswer) => boolean): void {
    for (const answer of this.answers) if (which(answer)) answer.interrupt(shuttingDown());
  }
}

import type { ServerResponse } from "node:http";
import { Injectable } from "@nestjs/common";
import { deadlineExceeded, shuttingDown } from "../http/error-answer.js";
import type { OpenAnswer } from "./answer-context.js";
import { onClosed } from "../http/on-closed.js";

/** All answers under way in this process. */
@Injectable()
export class OpenAnswers {
  private readonly answers = new Map<OpenAnswer, ServerResponse>();
  private emptied: (() => void) | undefined;

  get size(): number {
    return this.answers.size;
  }

  /** Counts `answer` in until its response is closed. */
  track(answer: OpenAnswer, response: ServerResponse): void {
    this.answers.set(answer, response);
    onClosed(response, () => {
      this.answers.delete(answer);
      if (this.answers.size === 0) this.emptied?.();
    });
  }

  /**
   * Gives up the answers whose deadline has passed, and says which ones should have started by now. One that is not over `graceMs` later is ended from here, for its
   * log tells nothing, or its client does not read; one that is over and still open by then is cut off, because a
   * client that has stopped reading would keep its socket and what waits for it for ever.
   */
  expireLate(nowMs: number, graceMs: number): void {
    for (const [answer, response] of this.answers) {
      const { deadlineAtMs, startByMs } = answer;
      if (startByMs !== undefined && startByMs <= nowMs && !answer.isOver) answer.overdue?.();
      if (deadlineAtMs === undefined || deadlineAtMs > nowMs) continue;
      if (nowMs - deadlineAtMs < graceMs) {
        if (!answer.isOver) answer.expire?.();
      } else if (answer.isOver) {
        response.destroy();
      } else {
        answer.interrupt(deadlineExceeded());
      }
    }
  }

  /**
   * Ends what a client can resume elsewhere, waits at most `waitMs` for the rest, and only until `signal` is
   * aborted; then interrupts what is left, whatever happened before.
   */
  async drain(waitMs: number, signal: AbortSignal): Promise<void> {
    try {
      this.interrupt((answer) => answer.isResumable);
      await this.whenEmpty(waitMs, signal);
    } finally {
      this.interrupt(() => true);
    }
  }

  /** Resolves when no answer is open any more, or after `waitMs`, or when `signal` is aborted. */
  private async whenEmpty(waitMs: number, signal: AbortSignal): Promise<void> {
    if (this.answers.size === 0 || signal.aborted) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.emptied = resolve;
      timer = setTimeout(resolve, waitMs);
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
    clearTimeout(timer);
  }

  /** One answer that cannot be interrupted keeps none of the others from it. */
  private interrupt(which: (answer: OpenAnswer) => boolean): void {
    const failures: unknown[] = [];
    for (const answer of this.answers.keys()) {
      try {
        if (which(answer)) answer.interrupt(shuttingDown());
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, "answers could not be interrupted");
  }
}

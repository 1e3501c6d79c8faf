import type { CodedError, Terminal } from "@expert-router/contracts";
import type { AnswerIdentity } from "./answer-assembler.js";

/** What an open answer tells the rest of the ingress. */
export interface AnswerObserver {
  /** The first delta arrived, this long after the request was accepted. */
  firstToken(seconds: number): void;
  /** The log came to its end. */
  ended(terminal: Terminal): void;
  /** The client left, or the process ends: nobody waits for the answer any more. */
  abandoned(): void;
  /** Nothing has come by the time at which it should have started. Said once. */
  waitedLong(): void;
  /** Its time is over, and it is not. Said again each second until it ends or is interrupted. */
  late(): void;
  /** An error was sent inside a stream that had begun. */
  failedInStream(error: CodedError): void;
}

/** An HTTP answer under way. Draining waits for it, and interrupts it at the deadline. */
export interface OpenAnswer {
  /** Nothing more will be sent. */
  readonly isOver: boolean;
  /** The client can go on from another process, so draining need not wait. */
  readonly isResumable: boolean;
  /** Unix time in ms after which the request is given up; undefined: never. */
  readonly deadlineAtMs?: number | undefined;
  /** Unix time in ms by which it should have started; undefined: it has, or any time will do. */
  readonly startByMs?: number | undefined;
  /** That time has passed. */
  overdue?(): void;
  /** The deadline has passed. */
  expire?(): void;
  interrupt(error: CodedError): void;
}

/** What every kind of answer needs to know about its request. */
export interface AnswerContext {
  readonly identity: AnswerIdentity;
  readonly acceptedAtMs: number;
  readonly deadlineAtMs?: number | undefined;
  /** Unix time in ms by which a worker should have taken it; undefined: its deadline is enough. */
  readonly startByMs?: number | undefined;
  /** Response headers: request id, decision, rate limit. */
  readonly headers: Readonly<Record<string, string>>;
  readonly observer: AnswerObserver;
}

import {
  answered,
  refused,
  unrun,
  type BatchLine,
  type BatchResult,
  type LineIdentity,
} from "@expert-router/batch";
import type { BatchId, Delta, RequestRecord, Terminal } from "@expert-router/contracts";
import type { Following, TokenSink } from "@expert-router/token-stream";
import { AnswerAssembler } from "../answers/answer-assembler.js";
import { terminalError } from "../http/error-answer.js";

/** Hears what becomes of a {@link LineSink}. */
export interface LineListener {
  /** The line has its result. */
  ended(sink: LineSink, result: BatchResult): void;
  /** Its log could not be followed to the end: it was lost, or Redis is away. */
  lost(sink: LineSink): void;
}

/** Collects the answer to one line. */
export class LineSink implements TokenSink {
  following: Following | undefined;
  /** Whose queue it is on: another one than decided, where a process before this one decided otherwise. */
  expert: string;
  /** When somebody looked last whether Redis still has it. */
  lookedAtMs = Date.now();
  private readonly assembler = new AnswerAssembler();
  private over = false;

  constructor(
    readonly record: RequestRecord,
    readonly line: Pick<BatchLine, "line" | "customId" | "bytes">,
    private readonly batchId: BatchId,
    private readonly listener: LineListener,
  ) {
    this.expert = record.decision.expert;
  }

  get isOver(): boolean {
    return this.over;
  }

  deltas(_epoch: number, _first: number, deltas: readonly Delta[]): boolean {
    for (const delta of deltas) this.assembler.add(delta);
    return true;
  }

  restart(): void {
    this.assembler.restart();
  }

  /** Forgets what came so far, to be followed anew. */
  startOver(): void {
    this.following?.stop();
    this.assembler.restart();
  }

  end(terminal: Terminal): void {
    if (this.over) return;
    this.over = true;
    this.following?.stop();
    this.listener.ended(this, this.result(terminal));
  }

  fail(): void {
    if (!this.over) this.listener.lost(this);
  }

  private result(terminal: Terminal): BatchResult {
    const at = { batchId: this.batchId, line: this.line.line, customId: this.line.customId };
    if (terminal.status !== "completed") return resultWithout(at, terminal);
    const { id, endpoint, createdAtMs } = this.record;
    const identity = { id, endpoint, model: this.expert, created: Math.floor(createdAtMs / 1_000) };
    return answered(at, this.assembler.answer(identity, terminal.usage), terminal.usage);
  }
}

/** The result of a line that has no answer. */
export function resultWithout(at: LineIdentity, terminal: Terminal): BatchResult {
  if (terminal.status === "expired") return unrun(at, "batch_expired");
  if (terminal.status === "cancelled") return unrun(at, "batch_cancelled");
  const error = terminalError(terminal);
  return refused(at, error.definition.status, error.toBody());
}

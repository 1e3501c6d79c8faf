import { startPosition, type Position } from "@expert-router/contracts";
import type { LiveFrame, LogMark } from "./live-frames.js";
import type { LogEntry } from "./log-entries.js";
import type { TokenSink } from "./token-log.js";

/**
 * What applying a frame or an entry came to. `gap`: the log has to be read. `slow`: the sink wants a pause. `lost`: Redis has
 * forgotten what the sink was given (an append-only file that lacks the last second, a replica promoted before it had all),
 * and what comes now does not belong behind it.
 */
export type Applied = "ok" | "gap" | "slow" | "ended" | "lost";

/**
 * Where one follower stands in one log. Frames and entries may come twice, out of order, or not at all: the sink gets
 * each accepted delta once and in order.
 */
export class FollowState {
  private position: Position;
  /** Who wrote what the sink has of the position's attempt; undefined where it has nothing of it, or had it before. */
  private pen: string | undefined;

  constructor(
    private readonly sink: TokenSink,
    after: Position | undefined,
  ) {
    this.position = after ?? startPosition;
  }

  /** The last position the sink has. */
  get at(): Position {
    return this.position;
  }

  /** Skips attempts before `epoch`: what they wrote was voided before anybody could follow. */
  startAtAttempt(epoch: number): void {
    if (epoch > this.position.epoch) this.position = { epoch, seq: 0 };
  }

  /** Applies a frame of the live channel. */
  applyFrame(frame: LiveFrame): Applied {
    if (frame.type === "D") return this.applyDeltas(frame.epoch, frame.pen, frame.first, frame.deltas);
    if (frame.type === "O") {
      if (frame.epoch > this.position.epoch && !this.reached(frame.before.position)) return "gap";
      return this.open(frame);
    }
    if (this.contradicts(frame.last)) return "lost";
    if (!this.reached(frame.last.position)) return "gap";
    this.sink.end(frame.terminal);
    return "ended";
  }

  /** Applies an entry of the log; entries come in order and without gaps. */
  applyEntry(entry: LogEntry): Applied {
    if (entry.type === "terminal") {
      if (this.contradicts(entry.last)) return "lost";
      this.sink.end(entry.terminal);
      return "ended";
    }
    const { position, pen } = entry;
    if (entry.type === "opening") return this.open({ ...entry, epoch: position.epoch });
    if (position.epoch > this.position.epoch) this.moveTo({ epoch: position.epoch, seq: 0 }, undefined);
    return this.applyDeltas(position.epoch, pen, position.seq - entry.deltas.length + 1, entry.deltas);
  }

  private open({ epoch, pen, mode, before }: Opening): Applied {
    if (epoch < this.position.epoch) return "ok";
    if (epoch === this.position.epoch) return this.isOther(pen) ? "lost" : "ok";
    // What a restart voids may be lost as well.
    if (mode !== "restart" && this.contradicts(before)) return "lost";
    this.moveTo({ epoch, seq: 0 }, pen);
    if (mode === "restart") this.sink.restart();
    return "ok";
  }

  private applyDeltas(
    epoch: number,
    pen: string | undefined,
    first: number,
    deltas: Extract<LiveFrame, { type: "D" }>["deltas"],
  ): Applied {
    const { position } = this;
    if (epoch < position.epoch) return "ok";
    if (epoch === position.epoch && this.isOther(pen)) return "lost";
    // The first attempt needs no opening to be seen: nothing can come before it.
    const seen =
      epoch === position.epoch ? position.seq : position.epoch === 0 && epoch === 1 ? 0 : undefined;
    if (seen === undefined || first > seen + 1) return "gap";
    const last = first + deltas.length - 1;
    if (last <= seen) return "ok";
    this.moveTo({ epoch, seq: last }, pen);
    const fresh = first === seen + 1 ? deltas : deltas.slice(seen + 1 - first);
    return this.sink.deltas(epoch, seen + 1, fresh) ? "ok" : "slow";
  }

  private moveTo(position: Position, pen: string | undefined): void {
    this.position = position;
    this.pen = pen;
  }

  /** Whether nothing is missing up to `position`. Openings hold nothing, so `1-0` is reached from the start. */
  private reached(position: Position): boolean {
    if (position.epoch === this.position.epoch) return position.seq <= this.position.seq;
    return (
      position.epoch < this.position.epoch ||
      (this.position.epoch === 0 && position.epoch === 1 && position.seq === 0)
    );
  }

  /** Whether the sink was given something that a log with this end does not hold. */
  private contradicts(end: LogMark | undefined): boolean {
    if (end === undefined) return false;
    const { epoch, seq } = end.position;
    if (epoch !== this.position.epoch) return epoch < this.position.epoch;
    return seq < this.position.seq || this.isOther(end.pen);
  }

  private isOther(pen: string | undefined): boolean {
    return pen !== undefined && this.pen !== undefined && pen !== this.pen;
  }
}

/** What opens an attempt, in a frame or an entry. */
type Opening = Pick<Extract<LogEntry, { type: "opening" }>, "pen" | "mode" | "before"> & {
  readonly epoch: number;
};

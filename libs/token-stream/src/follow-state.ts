import { comparePositions, startPosition, type AttemptMode, type Position } from "@expert-router/contracts";
import type { LiveFrame } from "./live-frames.js";
import type { LogEntry } from "./log-entries.js";
import type { TokenSink } from "./token-log.js";

/**
 * What applying a frame or an entry came to. `gap`: the log has to be read. `slow`: the sink wants a pause. `lost`: the log
 * does not hold what the sink was given, because Redis came back without its last writes.
 */
export type Applied = "ok" | "gap" | "slow" | "ended" | "lost";

/**
 * Where one follower stands in one log. Frames and entries may come twice, out of order, or not at all: the sink gets
 * each accepted delta once and in order.
 */
export class FollowState {
  private position: Position;

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
    if (frame.type === "D") return this.applyDeltas(frame.epoch, frame.first, frame.deltas);
    if (frame.type === "O") {
      if (frame.epoch <= this.position.epoch) return "ok";
      if (!this.reached(frame.before)) return "gap";
      return this.open(frame.epoch, frame);
    }
    if (!this.reached(frame.last)) return "gap";
    this.sink.end(frame.terminal);
    return "ended";
  }

  /** Applies an entry of the log; entries come in order and without gaps. */
  applyEntry(entry: LogEntry): Applied {
    if (entry.type === "terminal") {
      this.sink.end(entry.terminal);
      return "ended";
    }
    if (entry.type === "opening") return this.open(entry.position.epoch, entry);
    if (entry.position.epoch > this.position.epoch) this.position = { epoch: entry.position.epoch, seq: 0 };
    return this.applyDeltas(entry.position.epoch, entry.position.seq - entry.deltas.length + 1, entry.deltas);
  }

  private open(
    epoch: number,
    { mode, before }: { readonly mode: AttemptMode; readonly before: Position | undefined },
  ): Applied {
    if (epoch <= this.position.epoch) return "ok";
    const restarts = mode === "restart";
    if (!restarts && before !== undefined && comparePositions(before, this.position) < 0) return "lost";
    this.position = { epoch, seq: 0 };
    if (restarts) this.sink.restart();
    return "ok";
  }

  private applyDeltas(
    epoch: number,
    first: number,
    deltas: Extract<LiveFrame, { type: "D" }>["deltas"],
  ): Applied {
    const { position } = this;
    if (epoch < position.epoch) return "ok";
    // The first attempt needs no opening to be seen: nothing can come before it.
    const seen =
      epoch === position.epoch ? position.seq : position.epoch === 0 && epoch === 1 ? 0 : undefined;
    if (seen === undefined || first > seen + 1) return "gap";
    const last = first + deltas.length - 1;
    if (last <= seen) return "ok";
    this.position = { epoch, seq: last };
    const fresh = first === seen + 1 ? deltas : deltas.slice(seen + 1 - first);
    return this.sink.deltas(epoch, seen + 1, fresh) ? "ok" : "slow";
  }

  /** Whether nothing is missing up to `position`. Openings hold nothing, so `1-0` is reached from the start. */
  private reached(position: Position): boolean {
    if (position.epoch === this.position.epoch) return position.seq <= this.position.seq;
    return this.position.epoch === 0 && position.epoch === 1 && position.seq === 0;
  }
}

import type { BatchLine, BatchResult } from "@expert-router/batch";
import type { BatchId, RequestId, RequestRecord, Terminal } from "@expert-router/contracts";
import { queuedJob } from "@expert-router/queue";
import type { RequestIntake } from "../completions/request-intake.js";
import { isFinalStatus } from "../jobs/job-view.js";
import type { IngressPorts } from "../wiring/ports.js";
import { LineSink, type LineListener } from "./line-sink.js";

/** Between two looks whether Redis still has a line. */
const lookEveryMs = 10_000;
const looksAtOnce = 200;

/** What a {@link LineWindow} works with. */
export interface LineWindowParts {
  readonly ports: IngressPorts;
  readonly intake: RequestIntake;
}

/** A line that shall be run. */
export interface LineToRun {
  readonly line: BatchLine;
  readonly record: RequestRecord;
}

/** The lines of one batch that are on their way. */
export class LineWindow implements LineListener {
  private readonly sinks = new Map<RequestId, LineSink>();
  private readonly lostSinks = new Set<LineSink>();
  private bytes = 0;
  private connections: number;
  private wake: (() => void) | undefined;

  constructor(
    private readonly parts: LineWindowParts,
    private readonly batchId: BatchId,
    private readonly onResult: (result: BatchResult, id: RequestId) => void,
  ) {
    this.connections = parts.ports.connections;
  }

  /** Lines on their way. */
  get size(): number {
    return this.sinks.size;
  }

  /** Bytes of their lines, which stay in memory until the answer is there. */
  get sizeBytes(): number {
    return this.bytes;
  }

  /** Resolves when a line has ended, or after {@link wakeUp}. */
  changed(): Promise<void> {
    return new Promise((resolve) => (this.wake = resolve));
  }

  wakeUp(): void {
    this.wake?.();
    this.wake = undefined;
  }

  /** Puts lines on their queues, unless a process before this one did, and follows them. Rejects while Redis is away. */
  async submit(lines: readonly LineToRun[]): Promise<void> {
    const sinks = lines.map(({ line: { line, customId, bytes }, record }) => {
      const sink = new LineSink(record, { line, customId, bytes }, this.batchId, this);
      this.sinks.set(record.id, sink);
      this.bytes += bytes;
      return sink;
    });
    await this.start(sinks);
  }

  /** Looks after lines that Redis may have lost. Rejects while it is away. */
  async lookAfter(nowMs: number): Promise<void> {
    const lost = [...this.lostSinks];
    this.lostSinks.clear();
    for (const sink of lost) sink.startOver();
    await this.start(lost);
    const { connections } = this.parts.ports;
    const reconnected = connections !== this.connections;
    const due = [...this.sinks.values()].filter(
      (sink) => reconnected || nowMs - sink.lookedAtMs >= lookEveryMs,
    );
    for (let from = 0; from < due.length; from += looksAtOnce)
      await this.look(due.slice(from, from + looksAtOnce), nowMs);
    this.connections = connections;
  }

  /** Ends every line that is on its way. What cannot be ended now ends at its deadline. */
  async endAll(terminal: Terminal): Promise<void> {
    const sinks = [...this.sinks.values()];
    for (let from = 0; from < sinks.length; from += looksAtOnce) {
      const some = sinks.slice(from, from + looksAtOnce);
      await Promise.all(
        some.map(({ record, expert }) => this.parts.intake.takeOut(record.id, expert, terminal)),
      );
    }
  }

  /** Hears nothing more; the requests go on. */
  stop(): void {
    for (const sink of this.sinks.values()) sink.following?.stop();
    this.sinks.clear();
    this.wakeUp();
  }

  ended(sink: LineSink, result: BatchResult): void {
    if (!this.sinks.delete(sink.record.id)) return;
    this.lostSinks.delete(sink);
    this.bytes -= sink.line.bytes;
    this.onResult(result, sink.record.id);
    this.wakeUp();
  }

  lost(sink: LineSink): void {
    if (this.sinks.has(sink.record.id)) this.lostSinks.add(sink);
  }

  private async start(sinks: readonly LineSink[]): Promise<void> {
    if (sinks.length === 0) return;
    const { store, follower, queues } = this.parts.ports;
    // The follow stands before the request exists, so that nothing can come before somebody listens.
    for (const sink of sinks) sink.following = follower.follow(sink.record.id, sink, { owner: true });
    const there = await Promise.all(sinks.map(({ record }) => store.createOnce(record, follower.channel)));
    await Promise.all(
      sinks.map(async (sink, i) => {
        const { record } = sink;
        const { status, expert } = there[i]!;
        if (status !== "created") {
          sink.startOver();
          sink.expert = expert;
          sink.following = follower.follow(record.id, sink, { exposes: false });
          if (isFinalStatus(status)) return;
        }
        await queues.get(sink.expert)?.enqueue(queuedJob(record));
      }),
    );
  }

  private async look(sinks: readonly LineSink[], nowMs: number): Promise<void> {
    const { store, queues } = this.parts.ports;
    // In this order: a worker closes the log before it takes the job off the queue.
    const queued = await Promise.all(
      sinks.map(async ({ record, expert }) => queues.get(expert)?.has(record.id)),
    );
    const states = await store.readMany(sinks.map(({ record }) => record.id));
    const gone: LineSink[] = [];
    await Promise.all(
      sinks.map(async (sink, i) => {
        const state = states[i];
        sink.lookedAtMs = nowMs;
        if (sink.isOver) return;
        if (state === undefined) gone.push(sink);
        else if (!isFinalStatus(state.status) && queued[i] === false)
          await queues.get(sink.expert)?.enqueue(queuedJob(state));
      }),
    );
    for (const sink of gone) sink.startOver();
    await this.start(gone);
  }
}

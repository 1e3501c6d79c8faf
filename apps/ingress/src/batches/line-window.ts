import type { BatchLine, BatchResult } from "@expert-router/batch";
import {
  batchRequestId,
  type BatchId,
  type RequestId,
  type RequestRecord,
  type RequestState,
  type Terminal,
} from "@expert-router/contracts";
import { queuedJob } from "@expert-router/queue";
import type { RequestIntake } from "../completions/request-intake.js";
import { isFinalStatus } from "../jobs/job-view.js";
import type { IngressPorts } from "../wiring/ports.js";
import { LineSink, resultWithout, type LineListener } from "./line-sink.js";

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
  private readonly byExpert = new Map<string, { lines: number; bytes: number }>();
  private connections: number;
  /** What ends its lines instead of an engine. */
  private ending: Terminal | undefined;
  private change: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;

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

  /** Those of one expert, and their bytes, which stay in memory until the answers are there. */
  of(expert: string): { readonly lines: number; readonly bytes: number } {
    return this.byExpert.get(expert) ?? noLines;
  }

  /** Whether lines are ended instead of run: {@link endAll} was called. */
  get isEnding(): boolean {
    return this.ending !== undefined;
  }

  /** Resolves when a line has ended, or after {@link wakeUp}. */
  changed(): Promise<void> {
    if (this.change === undefined) {
      let resolve!: () => void;
      const promise = new Promise<void>((done) => (resolve = done));
      this.change = { promise, resolve };
    }
    return this.change.promise;
  }

  wakeUp(): void {
    this.change?.resolve();
    this.change = undefined;
  }

  /** Puts lines on their queues, unless a process before this one did, and follows them. Rejects while Redis is away. */
  async submit(lines: readonly LineToRun[]): Promise<void> {
    const sinks = lines.map(({ line, record }) => this.add(line, record));
    await this.start(sinks);
    // Asked to end in between: these came too late to be ended with the others.
    if (this.ending !== undefined) await this.endAll(this.ending);
  }

  /** Ends lines that this process has not submitted, and of which one before it may have. Rejects while Redis is away. */
  async withdraw(lines: readonly BatchLine[]): Promise<void> {
    const ids = lines.map(({ line }) => batchRequestId(this.batchId, line));
    const states = await this.parts.ports.store.readMany(ids);
    const known: LineSink[] = [];
    for (const [i, line] of lines.entries()) {
      const state = states[i];
      if (state !== undefined) known.push(this.add(line, state));
      else this.onResult(resultWithout({ batchId: this.batchId, ...line }, this.ending!), ids[i]!);
    }
    this.follow(known);
    await this.takeOut(known);
  }

  /** Looks after lines that Redis may have lost. Rejects while it is away. */
  async lookAfter(nowMs: number): Promise<void> {
    const lost = [...this.lostSinks];
    this.lostSinks.clear();
    await this.startOver(lost);
    const { connections } = this.parts.ports;
    const reconnected = connections !== this.connections;
    const due = [...this.sinks.values()].filter(
      (sink) => reconnected || nowMs - sink.lookedAtMs >= lookEveryMs,
    );
    for (let from = 0; from < due.length; from += looksAtOnce)
      await this.look(due.slice(from, from + looksAtOnce), nowMs);
    this.connections = connections;
  }

  /** Ends every line that is on its way, and lets none be run any more. What cannot be ended now ends at its deadline. */
  async endAll(terminal: Terminal): Promise<void> {
    this.ending = terminal;
    await this.takeOut([...this.sinks.values()]);
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
    this.count(sink, -1);
    this.onResult(result, sink.record.id);
    this.wakeUp();
  }

  lost(sink: LineSink): void {
    if (this.sinks.has(sink.record.id)) this.lostSinks.add(sink);
  }

  private add({ line, customId, bytes }: BatchLine, record: RequestRecord): LineSink {
    const sink = new LineSink(record, { line, customId, bytes }, this.batchId, this);
    this.sinks.set(record.id, sink);
    this.count(sink, 1);
    return sink;
  }

  private count({ record, line }: LineSink, sign: 1 | -1): void {
    const { expert } = record.decision;
    const { lines, bytes } = this.of(expert);
    this.byExpert.set(expert, { lines: lines + sign, bytes: bytes + sign * line.bytes });
  }

  private async start(sinks: readonly LineSink[]): Promise<void> {
    if (sinks.length === 0) return;
    const { store, follower, queues } = this.parts.ports;
    // The follow stands before the request exists, so that nothing can come before somebody listens.
    for (const sink of sinks) sink.following = follower.follow(sink.record.id, sink, { owner: true });
    const there = await Promise.all(sinks.map(({ record }) => store.createOnce(record, follower.channel)));
    const homeless: LineSink[] = [];
    await Promise.all(
      sinks.map(async (sink, i) => {
        const { status, expert } = there[i]!;
        if (status !== "created") {
          sink.startOver();
          sink.expert = expert;
          if (!isFinalStatus(status) && !queues.has(expert)) {
            homeless.push(sink);
            return;
          }
          this.follow([sink]);
          if (isFinalStatus(status)) return;
        }
        await queues.get(sink.expert)?.enqueue(queuedJob(sink.record));
      }),
    );
    await this.rehome(homeless);
  }

  /** Gives lines to the experts that they belong to now: the ones they were given to are not configured any more. */
  private async rehome(sinks: readonly LineSink[]): Promise<void> {
    if (sinks.length === 0) return;
    await this.parts.ports.store.forget(sinks.map(({ record }) => record.id));
    for (const sink of sinks) sink.expert = sink.record.decision.expert;
    await this.startOver(sinks);
  }

  private async startOver(sinks: readonly LineSink[]): Promise<void> {
    for (const sink of sinks) sink.startOver();
    if (this.ending === undefined) await this.start(sinks);
    else this.follow(sinks);
  }

  private follow(sinks: readonly LineSink[]): void {
    const { follower } = this.parts.ports;
    for (const sink of sinks) sink.following = follower.follow(sink.record.id, sink, { exposes: false });
  }

  private async takeOut(sinks: readonly LineSink[]): Promise<void> {
    for (let from = 0; from < sinks.length; from += looksAtOnce) {
      const some = sinks.slice(from, from + looksAtOnce);
      await Promise.all(
        some.map(({ record, expert }) => this.parts.intake.takeOut(record.id, expert, this.ending!)),
      );
    }
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
        else if (!isFinalStatus(state.status)) await this.lookAtOpen(sink, state, queued[i] === true);
      }),
    );
    if (this.ending !== undefined) for (const sink of gone) sink.end(this.ending);
    else await this.startOver(gone);
  }

  private async lookAtOpen(sink: LineSink, state: RequestState, isQueued: boolean): Promise<void> {
    if (this.ending !== undefined) await this.takeOut([sink]);
    else if (!isQueued) await this.parts.ports.queues.get(sink.expert)?.enqueue(queuedJob(state));
  }
}

const noLines = { lines: 0, bytes: 0 };

import { availableParallelism } from "node:os";
import { EncoderError } from "./encoder-error.js";
import { readEncoderFolder, type EncoderFolderOptions } from "./encoder-folder.js";
import type { EncoderFile, EncoderPlan } from "./encoder-plan.js";
import type { Pooling } from "./pooling.js";
import { TextQueue, type WaitingText } from "./text-queue.js";
import { ThreadHost } from "./thread-host.js";

/** Processors that an encoder takes when nothing says how many. */
const maxDefaultThreads = 4;

/** Bytes of model files that the sessions hold together when nothing says how many there are. */
const maxModelBytes = 512 * 2 ** 20;

export interface SentenceEncoderOptions extends EncoderFolderOptions {
  /** Threads that compute, all sessions together. Default: the processors there are, at most 4. */
  readonly threads?: number | undefined;
  /**
   * Sessions that share the threads; each holds the model in memory. Default: one a thread, while their models together
   * have at most 512 MB: two sessions with one thread each do more than one session with two.
   */
  readonly sessions?: number | undefined;
}

/** What an encoder has done since it was opened. */
export interface EncoderCounts {
  readonly texts: number;
  /** Tokens read, padding left out. */
  readonly tokens: number;
  readonly batches: number;
}

interface Call {
  readonly result: Float32Array;
  /** Rows without a vector. */
  left: number;
  readonly resolve: (result: Float32Array) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Text → vector, by the ONNX model of one folder. All work is done on threads of its own; the event loop only hands texts
 * over. Calls that come while all sessions are busy wait and are answered together.
 */
export class SentenceEncoder {
  private readonly queue = new TextQueue<Call>();
  private readonly idle: ThreadHost[];
  private readonly busy = new Set<Promise<void>>();
  private closed = false;
  private done = { texts: 0, tokens: 0, batches: 0 };

  private constructor(
    private readonly plan: EncoderPlan,
    private readonly hosts: readonly ThreadHost[],
    /** Length of a vector. */
    readonly dimensions: number,
  ) {
    this.idle = [...hosts];
  }

  /**
   * Reads the folder, starts the threads and runs the model once.
   * @throws EncoderError naming the file that is missing, broken or not supported.
   */
  static async open(dir: string, options: SentenceEncoderOptions = {}): Promise<SentenceEncoder> {
    const threads = wholeNumber(
      "threads",
      options.threads ?? Math.min(maxDefaultThreads, availableParallelism()),
    );
    if (options.maxTokens !== undefined) wholeNumber("maxTokens", options.maxTokens);
    const plan = await readEncoderFolder(dir, options);
    const sessions = wholeNumber("sessions", options.sessions ?? defaultSessions(plan, threads));
    const data = { plan, threads: Math.max(1, Math.floor(threads / sessions)) };
    const started = await Promise.allSettled(Array.from({ length: sessions }, () => ThreadHost.start(data)));
    const failed = started.find((of) => of.status === "rejected");
    const ready = started.flatMap((of) => (of.status === "fulfilled" ? [of.value] : []));
    if (failed) {
      await Promise.all(ready.map(({ host }) => host.close()));
      throw failed.reason;
    }
    const hosts = ready.map(({ host }) => host);
    return new SentenceEncoder(plan, hosts, ready[0]!.dimensions);
  }

  /** Tokens of a text that are read, those around it included; what comes behind is cut off. */
  get maxTokens(): number {
    return this.plan.maxTokens;
  }

  get pooling(): Pooling {
    return this.plan.pooling;
  }

  /** Whether every vector has length 1. */
  get normalized(): boolean {
    return this.plan.normalized;
  }

  /** The model's name in the folder, and every file that a vector depends on. */
  get model(): { readonly name: string; readonly files: readonly EncoderFile[] } {
    return { name: this.plan.model, files: this.plan.files };
  }

  get counts(): EncoderCounts {
    return { ...this.done };
  }

  /**
   * Vectors of `texts`, `[texts, dimensions]` row by row. 100,000 texts may come in one call: they are worked off in small
   * batches, between which other calls get their turn.
   * @throws EncoderError `encoder_failed` when the model or its thread fails, `encoder_closed` after {@link close}.
   */
  async encode(texts: readonly string[]): Promise<Float32Array> {
    if (this.closed) throw new EncoderError("encoder_closed", "the encoder is closed");
    if (texts.length === 0) return new Float32Array(0);
    return new Promise((resolve, reject) => {
      const result = new Float32Array(texts.length * this.dimensions);
      this.queue.add({ result, left: texts.length, resolve, reject }, texts);
      this.wake();
    });
  }

  /** Waits for the calls under way and ends the threads. */
  async close(): Promise<void> {
    this.closed = true;
    while (this.busy.size > 0) await Promise.all(this.busy);
    await Promise.all(this.hosts.map((host) => host.close()));
  }

  /** Sets idle sessions to work, as long as there is some. */
  private wake(): void {
    while (this.queue.size > 0 && this.idle.length > 0) {
      const host = this.idle.pop()!;
      const work = this.serve(host).finally(() => {
        this.busy.delete(work);
        this.wake();
      });
      this.busy.add(work);
    }
  }

  private async serve(host: ThreadHost): Promise<void> {
    for (;;) {
      const batch = this.queue.take(this.hosts.length);
      if (batch.length === 0) break;
      try {
        const { rows, tokens } = await host.encode(batch.map(({ text }) => text));
        this.done.texts += batch.length;
        this.done.tokens += tokens;
        this.done.batches++;
        this.deliver(batch, rows);
      } catch (error) {
        for (const { call } of batch) {
          this.queue.drop(call);
          call.reject(error);
        }
        if (host.failure !== undefined) break;
      }
    }
    // A dead session answers at once, with an error: it would take every call while another one lives.
    if (host.failure === undefined || this.hosts.every(({ failure }) => failure !== undefined))
      this.idle.push(host);
  }

  private deliver(batch: readonly WaitingText<Call>[], rows: Float32Array): void {
    for (const [at, { call, row }] of batch.entries()) {
      call.result.set(rows.subarray(at * this.dimensions, (at + 1) * this.dimensions), row * this.dimensions);
      if (--call.left === 0) call.resolve(call.result);
    }
  }
}

function defaultSessions({ model, files }: EncoderPlan, threads: number): number {
  const bytes = files.reduce((sum, file) => (file.name.startsWith(model) ? sum + file.bytes : sum), 1);
  return Math.min(threads, Math.max(1, Math.floor(maxModelBytes / bytes)));
}

function wholeNumber(name: string, value: number): number {
  if (Number.isInteger(value) && value >= 1) return value;
  throw new RangeError(`${name} must be a whole number from 1 on, not ${value}`);
}

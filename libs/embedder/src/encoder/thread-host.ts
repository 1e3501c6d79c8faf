import { Worker } from "node:worker_threads";
import { EncoderError } from "./encoder-error.js";
import type { ThreadData, ThreadReply, ThreadRequest } from "./thread-messages.js";

/** A thread is started again at most so often within {@link restartWindowMs}; then something is wrong for good. */
export const maxRestarts = 3;
const restartWindowMs = 60_000;
const closeTimeoutMs = 5_000;

/**
 * The compiled file beside this one. Sources run as they are in tests only, and Node gives no thread the means to read
 * them, so there it is the file that was compiled from them.
 */
const threadScript = new URL(
  import.meta.url.endsWith(".ts") ? "../../dist/encoder/encoder-thread.js" : "./encoder-thread.js",
  import.meta.url,
);

/** What a thread made of some texts. */
export interface Encoded {
  readonly rows: Float32Array;
  readonly tokens: number;
}

interface Call<Value> {
  readonly resolve: (value: Value) => void;
  readonly reject: (error: Error) => void;
}

export interface ThreadHostOptions {
  /** Stands in for the encoder's thread in tests. */
  readonly script?: URL;
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number;
}

/** Keeps one encoder thread alive and speaks with it: one call at a time. */
export class ThreadHost {
  private worker: Worker | undefined;
  private call: Call<Encoded> | undefined;
  private restarts: number[] = [];
  private dead: EncoderError | undefined;
  private closing = false;
  private readonly script: URL;
  private readonly now: () => number;

  private constructor(
    private readonly data: ThreadData,
    options: ThreadHostOptions,
  ) {
    this.script = options.script ?? threadScript;
    this.now = options.now ?? (() => performance.now());
  }

  /** Starts a thread. @throws EncoderError when the encoder cannot be opened there. */
  static async start(
    data: ThreadData,
    options: ThreadHostOptions = {},
  ): Promise<{ host: ThreadHost; dimensions: number }> {
    const host = new ThreadHost(data, options);
    return { host, dimensions: await host.launch() };
  }

  /** Whether no call can be made any more: the thread died too often. */
  get failure(): EncoderError | undefined {
    return this.dead;
  }

  /**
   * Has `texts` encoded. Only one call may be under way.
   * @throws EncoderError `encoder_failed` when the model fails on them or the thread dies meanwhile; it is then started anew.
   */
  async encode(texts: readonly string[]): Promise<Encoded> {
    if (this.dead) throw this.dead;
    if (this.worker === undefined) await this.restart();
    const worker = this.worker!;
    return new Promise((resolve, reject) => {
      this.call = { resolve, reject };
      // An idle thread does not keep the process alive, a busy one does.
      worker.ref();
      worker.postMessage({ kind: "encode", texts } satisfies ThreadRequest, []);
    });
  }

  /** Ends the thread. No call may be under way. */
  async close(): Promise<void> {
    const { worker } = this;
    this.closing = true;
    if (worker === undefined) return;
    worker.ref();
    const ended = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
    worker.postMessage({ kind: "close" } satisfies ThreadRequest, []);
    const timer = setTimeout(() => void worker.terminate(), closeTimeoutMs);
    await ended;
    clearTimeout(timer);
  }

  /** Starts the thread; resolves with the dimensions once it is ready. */
  private async launch(): Promise<number> {
    const worker = new Worker(this.script, { workerData: this.data, name: "sentence-encoder" });
    return new Promise((resolve, reject) => {
      let cause: unknown;
      worker.on("message", (reply: ThreadReply) => {
        switch (reply.kind) {
          case "ready":
            this.worker = worker;
            worker.unref();
            resolve(reply.dimensions);
            break;
          case "unfit":
            reject(new EncoderError(reply.code, reply.message));
            break;
          case "encoded":
            this.settle(worker, (call) => call.resolve(reply));
            break;
          case "failed":
            this.settle(worker, (call) =>
              call.reject(new EncoderError("encoder_failed", `the model failed: ${reply.message}`)),
            );
            break;
        }
      });
      worker.on("error", (error) => (cause = error));
      worker.on("exit", (code) => {
        const why = cause instanceof Error ? cause.message : `exit code ${code}`;
        const error = new EncoderError("encoder_failed", `the encoder's thread ended: ${why}`, { cause });
        // Of effect only where the thread never got ready.
        reject(error);
        if (this.worker !== worker) return;
        this.worker = undefined;
        if (!this.closing) this.settle(worker, (call) => call.reject(error));
      });
    });
  }

  private settle(worker: Worker, how: (call: Call<Encoded>) => void): void {
    const { call } = this;
    this.call = undefined;
    worker.unref();
    if (call) how(call);
  }

  private async restart(): Promise<void> {
    const now = this.now();
    this.restarts = this.restarts.filter((at) => now - at < restartWindowMs);
    if (this.restarts.length >= maxRestarts) {
      this.dead = new EncoderError(
        "encoder_failed",
        `the encoder's thread died ${maxRestarts + 1} times within ${restartWindowMs / 1_000} s and is not started again`,
      );
      throw this.dead;
    }
    this.restarts.push(now);
    await this.launch();
  }
}

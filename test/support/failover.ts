/** Streams that run while a part of Redis dies, and what became of them. */
import { newRequestId } from "@expert-router/contracts";
import { simulatedAnswer } from "@expert-router/engine-sim";
import { sseEvents } from "./sse.js";
import { simulatorSeed, type TestSystem } from "./system.js";

const endpoint = "/v1/chat/completions";

/** A stream as its client saw it. */
export class WatchedStream {
  text = "";
  done = false;
  error: { code?: string } | undefined;
  /** When each token came, in ms of `performance.now()`. */
  readonly tokenTimes: number[] = [];
  readonly expected: string;
  private readonly body: string;

  constructor(maxTokens: number) {
    const messages = [{ role: "user", content: `Write a function. ${newRequestId()}` }];
    this.expected = simulatedAnswer({ seed: simulatorSeed, endpoint, messages, maxTokens }).tokens.join("");
    this.body = JSON.stringify({ model: "code", stream: true, max_tokens: maxTokens, messages });
  }

  /** Sends the request and reads to the end of the stream; answers itself. Throws where the ingress refuses. */
  async run(url: string): Promise<this> {
    const response = await this.post(url);
    if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`);
    for await (const { data } of sseEvents(response)) {
      if (data === "[DONE]") {
        this.done = true;
        continue;
      }
      const chunk = JSON.parse(data) as {
        error?: { code?: string };
        choices?: { delta: { content?: string } }[];
      };
      this.error ??= chunk.error;
      const content = chunk.choices?.[0]?.delta.content;
      if (content === undefined || content === "") continue;
      this.text += content;
      this.tokenTimes.push(performance.now());
    }
    return this;
  }

  post(url: string): Promise<Response> {
    return fetch(`${url}${endpoint}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: this.body,
    });
  }

  /** `whole`, `error` with a code and what came before it in order and once, or what is wrong. */
  get end(): string {
    if (this.text === this.expected && this.done && this.error === undefined) return "whole";
    const isClear = typeof this.error?.code === "string" && !this.done;
    if (isClear && this.expected.startsWith(this.text)) return "error";
    return `done ${this.done}, error ${JSON.stringify(this.error)}, got '${this.text}', not '${this.expected}'`;
  }

  /** Time from `since` to the first token after it. */
  firstTokenAfterMs(since: number): number | undefined {
    const at = this.tokenTimes.find((time) => time > since);
    return at === undefined ? undefined : at - since;
  }
}

/** What one failover came to. */
export interface FailoverOutcome {
  readonly streams: readonly WatchedStream[];
  /** Of the 503 that a client got meanwhile; undefined if there was none. */
  readonly retryAfter: string | undefined;
  /** Longest time from the promotion to the next token of a stream that ran. */
  readonly streamsRecoveredMs: number;
  /** Time from the promotion to the first token of a request that was sent again until it was accepted. */
  readonly requestsRecoveredMs: number;
}

/** Runs streams, calls `kill` in the middle of them, and waits for `promoted` and the end of all. */
export async function runThroughFailover(
  system: TestSystem,
  options: { streams: number; maxTokens: number; kill: () => void; promoted: () => Promise<void> },
): Promise<FailoverOutcome> {
  const streams = Array.from({ length: options.streams }, () => new WatchedStream(options.maxTokens));
  const ends = Promise.all(streams.map((stream) => stream.run(system.url)));
  // One that is refused ends the wait for it.
  while (streams.some(({ tokenTimes }) => tokenTimes.length < 40)) await Promise.race([pause(20), ends]);
  options.kill();
  const promoted = options.promoted().then(() => performance.now());
  let isOver = false;
  void promoted.then(() => (isOver = true));
  let retryAfter: string | undefined;
  while (!isOver && retryAfter === undefined) {
    const response = await new WatchedStream(1).post(system.url);
    if (response.status === 503) retryAfter = response.headers.get("retry-after") ?? "";
    await response.body?.cancel();
    await pause(20);
  }
  const promotedAt = await promoted;
  const next = new WatchedStream(20);
  for (;;) {
    if (
      await next.run(system.url).then(
        () => true,
        () => false,
      )
    )
      break;
    if (performance.now() - promotedAt > 20_000)
      throw new Error("no request is accepted after the promotion");
    await pause(50);
  }
  if (next.end !== "whole") throw new Error(next.end);
  await ends;
  const recovered = streams.map((stream) => stream.firstTokenAfterMs(promotedAt));
  return {
    streams,
    retryAfter,
    streamsRecoveredMs: Math.max(...recovered.map((ms) => ms ?? 0)),
    requestsRecoveredMs: (next.tokenTimes[0] as number) - promotedAt,
  };
}

/** One line for whoever reads the test's output. */
export function outcomeLine(what: string, outcome: FailoverOutcome): string {
  const whole = outcome.streams.filter(({ end }) => end === "whole").length;
  return `${what}: ${whole} of ${outcome.streams.length} streams whole, ${outcome.streams.length - whole} ended with an error; after the promotion next token of all ${Math.round(outcome.streamsRecoveredMs)} ms, new request ${Math.round(outcome.requestsRecoveredMs)} ms\n`;
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

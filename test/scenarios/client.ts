import type { Job, PriorityClass } from "@expert-router/contracts";
import { Agent, request, type Dispatcher } from "undici";
import { TokenCounter } from "./token-counter.js";

/** One request of a load. */
export interface Ask {
  /** `stream`: a chat completion that is streamed to its client. `job`: `POST /v1/jobs`, and nobody waits. */
  readonly kind: "stream" | "job";
  readonly prompt: string;
  readonly maxTokens: number;
  /** `auto`, or the expert that it is pinned to. */
  readonly model: string;
  /** The class of its kind if left out. */
  readonly priority?: PriorityClass;
  /** The tenant's API key. */
  readonly key?: string;
}

/** What a client saw of one request. Times are Unix ms with fractions. */
export interface Outcome {
  readonly ask: Ask;
  readonly sentAtMs: number;
  id?: string;
  /** HTTP status; 0 if there was no answer. */
  status: number;
  accepted: boolean;
  /** The expert that was chosen. */
  expert?: string;
  /** Of a refusal. */
  retryAfterS?: number | undefined;
  /** As the job said just after it was submitted. */
  etaS?: number | null;
  firstTokenAtMs?: number;
  endAtMs?: number;
  tokens: number;
  /** Why it did not end whole; a stream that this client has left: `left`. */
  error?: string;
}

/** Unix time in ms with fractions. */
export function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

/** The clients of a scenario, over connections that are kept. */
export class Client {
  private readonly agent = new Agent({ connections: null, headersTimeout: 0, bodyTimeout: 0 });
  private isClosed = false;

  constructor(private readonly url: string) {}

  /** Sends `ask` and sees it to its end; never rejects. */
  async send(ask: Ask): Promise<Outcome> {
    const outcome: Outcome = { ask, sentAtMs: nowMs(), status: 0, accepted: false, tokens: 0 };
    try {
      await (ask.kind === "job" ? this.submit(outcome) : this.stream(outcome));
    } catch (error) {
      outcome.error = this.isClosed ? "left" : String(error);
    }
    outcome.endAtMs = nowMs();
    return outcome;
  }

  /** The job as it is now. */
  async job(id: string, key?: string): Promise<Job> {
    const { body } = await this.call("GET", `/v1/jobs/${id}`, undefined, key ? { key } : {});
    return (await body.json()) as Job;
  }

  async cancel(id: string, key?: string): Promise<void> {
    const { body } = await this.call("POST", `/v1/jobs/${id}/cancel`, {}, key ? { key } : {});
    await body.dump();
  }

  /** Leaves every open stream and closes all connections. */
  async close(): Promise<void> {
    this.isClosed = true;
    await this.agent.destroy();
  }

  private async submit(outcome: Outcome): Promise<void> {
    const { ask } = outcome;
    const answer = await this.call(
      "POST",
      "/v1/jobs",
      {
        endpoint: "/v1/chat/completions",
        body: bodyOf(ask),
        ...(ask.priority !== undefined && { priority: ask.priority }),
      },
      ask,
    );
    readHead(outcome, answer);
    if (!outcome.accepted) return readRefusal(outcome, answer);
    const job = (await answer.body.json()) as Job;
    outcome.id = job.id;
    outcome.expert = job.expert;
    outcome.etaS = job.eta_s;
  }

  private async stream(outcome: Outcome): Promise<void> {
    const { ask } = outcome;
    const answer = await this.call("POST", "/v1/chat/completions", { ...bodyOf(ask), stream: true }, ask);
    readHead(outcome, answer);
    if (!outcome.accepted) return readRefusal(outcome, answer);
    const counter = new TokenCounter();
    for await (const chunk of answer.body) {
      counter.take(chunk as Buffer);
      if (counter.tokens > 0) outcome.firstTokenAtMs ??= nowMs();
    }
    outcome.tokens = counter.tokens;
    if (counter.error !== undefined) outcome.error = counter.error;
    else if (!counter.isDone) outcome.error = "the stream just ended";
  }

  private call(
    method: "GET" | "POST",
    path: string,
    body: unknown,
    { key, priority }: Pick<Ask, "key" | "priority">,
  ): Promise<Dispatcher.ResponseData> {
    return request(`${this.url}${path}`, {
      method,
      dispatcher: this.agent,
      headers: {
        "content-type": "application/json",
        ...(key !== undefined && { authorization: `Bearer ${key}` }),
        ...(priority !== undefined && { "x-expert-router-priority": priority }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  }
}

function bodyOf({ model, prompt, maxTokens }: Ask): Record<string, unknown> {
  return { model, max_tokens: maxTokens, messages: [{ role: "user", content: prompt }] };
}

function readHead(outcome: Outcome, { statusCode, headers }: Dispatcher.ResponseData): void {
  outcome.status = statusCode;
  outcome.accepted = statusCode === 200 || statusCode === 202;
  const text = (name: string): string | undefined => headers[name]?.toString();
  const [id, expert, retryAfter] = [
    text("x-request-id"),
    text("x-expert-router-expert"),
    text("retry-after"),
  ];
  if (id !== undefined) outcome.id = id;
  if (expert !== undefined) outcome.expert = expert;
  if (retryAfter !== undefined) outcome.retryAfterS = Number(retryAfter);
}

async function readRefusal(outcome: Outcome, { body }: Dispatcher.ResponseData): Promise<void> {
  const text = await body.text();
  try {
    outcome.error = (JSON.parse(text) as { error: { code: string } }).error.code;
  } catch {
    outcome.error = `status ${outcome.status} without an error body`;
  }
}

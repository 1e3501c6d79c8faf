/** How the adapter of every family reports each way in which a server can fail, tried against the simulator. */
import { chatPrompt, createEngine, engineFamilies, type InferenceEngine } from "@expert-router/engine";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { faults, runEngineSim, simulatedAnswer, type EngineSim, type Fault } from "./index.js";

const messages = [{ role: "user", content: "Why does ice float?" }];
const maxTokens = 20;
const seed = 3;

interface Expected {
  readonly code: string;
  /** Tokens that come before the failure. */
  readonly before: number;
  readonly retryAfterS?: number;
}

const whatFails: Record<Fault, Expected> = {
  "hang-before": { code: "engine_timeout", before: 0 },
  "hang-mid": { code: "engine_timeout", before: 10 },
  "cut-mid": { code: "engine_error", before: 10 },
  "cut-chunk": { code: "engine_error", before: 10 },
  "end-mid": { code: "engine_protocol_error", before: 10 },
  garbage: { code: "engine_protocol_error", before: 10 },
  "endless-line": { code: "engine_protocol_error", before: 10 },
  "error-after-200": { code: "engine_error", before: 10 },
  "error-200": { code: "engine_error", before: 0 },
  "wrong-type": { code: "engine_protocol_error", before: 0 },
  "http-500": { code: "engine_error", before: 0 },
  "http-429": { code: "engine_overloaded", before: 0, retryAfterS: 5 },
  "http-503": { code: "engine_overloaded", before: 0, retryAfterS: 5 },
  "http-503-date": { code: "engine_overloaded", before: 0, retryAfterS: 5 },
};

describe.each(Object.values(engineFamilies))("the adapter for $kind", ({ kind }) => {
  let sim: EngineSim;
  let engine: InferenceEngine;

  beforeAll(async () => {
    sim = await runEngineSim({
      port: 0,
      seed,
      model: "simulated",
      timeToFirstTokenMs: 1,
      interTokenLatencyMs: 1,
      retryAfterS: 5,
    });
    const { url, model } = sim;
    engine = createEngine({
      kind,
      url,
      model,
      firstTokenTimeoutMs: 400,
      interTokenTimeoutMs: 400,
      maxConnections: 4,
    });
  });
  afterAll(async () => {
    await engine.close();
    await sim.close();
  });
  afterEach(async () => {
    // Whatever happened, the server has nothing left to do for us.
    await expect.poll(() => running(sim), { timeout: 5_000, interval: 20 }).toBe(0);
  });

  async function ask(fault?: Fault): Promise<{ text: string; error: unknown }> {
    const body = { messages, max_tokens: maxTokens, ...(fault !== undefined && { x_sim_fault: fault }) };
    let text = "";
    try {
      const call = { endpoint: "/v1/chat/completions", body } as const;
      for await (const events of engine.generate(call, new AbortController().signal))
        for (const event of events)
          if (event.type === "delta" && typeof event.delta === "string") text += event.delta;
      return { text, error: undefined };
    } catch (error) {
      return { text, error };
    }
  }

  const answer =
    kind === "triton"
      ? simulatedAnswer({ seed, endpoint: "/v2/generate", prompt: chatPrompt(messages), maxTokens })
      : simulatedAnswer({ seed, endpoint: "/v1/chat/completions", messages, maxTokens });
  const beginning = (tokens: number): string => answer.tokens.slice(0, tokens).join("");

  it.each(faults)(
    "%s: what came before, then the right error, and the next request is answered",
    async (fault) => {
      const { before, ...error } = whatFails[fault];
      const outcome = await ask(fault);
      expect(outcome.text).toBe(beginning(before));
      // Triton's protocol has no sign of an end but the end of the body.
      if (kind === "triton" && fault === "end-mid") expect(outcome.error).toBeUndefined();
      else expect(outcome.error).toMatchObject(error);
      expect(await ask()).toEqual({ text: beginning(maxTokens), error: undefined });
    },
  );
});

async function running(sim: EngineSim): Promise<number> {
  const page = await (await fetch(`${sim.url}/metrics`)).text();
  return Number(/^vllm:num_requests_running\S* (\d+)/m.exec(page)?.[1]);
}

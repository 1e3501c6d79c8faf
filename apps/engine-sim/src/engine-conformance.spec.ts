/** What every engine adapter promises, tried against the simulator. */
import {
  chatPrompt,
  createEngine,
  type EngineCall,
  type EngineEvent,
  type InferenceEngine,
} from "@expert-router/engine";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runEngineSim, simulatedAnswer, type EngineSim, type SimulatedAnswer } from "./index.js";

const messages = [{ role: "user", content: "Why is the sky blue?" }];
const chat = "/v1/chat/completions";
const plain = "/v1/completions";
const never = (): AbortSignal => new AbortController().signal;
const seed = 7;

interface Outcome {
  readonly text: string;
  readonly events: EngineEvent[];
}

async function collect(events: AsyncIterable<readonly EngineEvent[]>): Promise<Outcome> {
  const all: EngineEvent[] = [];
  let text = "";
  for await (const batch of events) {
    expect(batch.length).toBeGreaterThan(0);
    for (const event of batch) {
      all.push(event);
      if (event.type === "delta" && typeof event.delta === "string") text += event.delta;
    }
  }
  return { text, events: all };
}

async function running(sim: EngineSim): Promise<number> {
  const page = await (await fetch(`${sim.url}/metrics`)).text();
  return Number(/^vllm:num_requests_running\S* (\d+)/m.exec(page)?.[1]);
}

async function eventually(sim: EngineSim, count: number): Promise<void> {
  const until = performance.now() + 1_000;
  while ((await running(sim)) !== count) {
    if (performance.now() > until) throw new Error(`running did not become ${count} within a second`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe.each(["openai", "vllm", "sim", "triton"] as const)("the adapter for %s", (kind) => {
  let sim: EngineSim;
  let engine: InferenceEngine;

  const connect = (firstTokenTimeoutMs: number, interTokenTimeoutMs: number): InferenceEngine =>
    createEngine({
      kind,
      url: sim.url,
      model: sim.model,
      firstTokenTimeoutMs,
      interTokenTimeoutMs,
      maxConnections: 64,
    });
  const ask = (body: object, more: Partial<EngineCall> = {}): Promise<Outcome> =>
    collect(
      engine.generate({ endpoint: chat, body: { model: "auto", messages, ...body }, ...more }, never()),
    );
  const expected = (maxTokens?: number): SimulatedAnswer =>
    kind === "triton"
      ? simulatedAnswer({ seed, endpoint: "/v2/generate", prompt: chatPrompt(messages), maxTokens })
      : simulatedAnswer({ seed, endpoint: chat, messages, maxTokens });

  beforeAll(async () => {
    sim = await runEngineSim({
      port: 0,
      seed,
      model: "simulated",
      timeToFirstTokenMs: 5,
      interTokenLatencyMs: 2,
    });
    engine = connect(5_000, 5_000);
  });
  afterAll(async () => {
    await engine.close();
    await sim.close();
  });

  it("gives a chat's answer to the byte, and a finish reason at the end", async () => {
    const { text, events } = await ask({});
    expect(text).toBe(expected().tokens.join(""));
    const last = events.filter((event) => event.type === "delta").at(-1);
    expect(last?.delta).toMatchObject({ choices: [{ index: 0, finish_reason: "stop" }] });
  });

  it("gives a text completion's answer", async () => {
    const call = { endpoint: plain, body: { model: "auto", prompt: "Once upon a time" } } as const;
    const { text } = await collect(engine.generate(call, never()));
    expect(text).toBe(simulatedAnswer({ seed, endpoint: plain, prompt: "Once upon a time" }).tokens.join(""));
  });

  it("reports usage where it says so", async () => {
    const usage = (await ask({ max_tokens: 5 })).events.filter((event) => event.type === "usage");
    if (engine.capabilities.reportsUsage) expect(usage).toMatchObject([{ usage: { completion_tokens: 5 } }]);
    else expect(usage).toEqual([]);
  });

  it("goes on behind a partial answer where it says so, within the limit of tokens", async () => {
    const { tokens } = expected(20);
    const behind = { text: tokens.slice(0, 8).join(""), tokens: 8 };
    if (engine.capabilities.continuesChat) {
      expect((await ask({ max_tokens: 20 }, { continueBehind: behind })).text).toBe(tokens.slice(8).join(""));
      expect((await ask({}, { continueBehind: behind })).text).toBe(expected().tokens.slice(8).join(""));
      const none = await ask({ max_tokens: 8 }, { continueBehind: behind });
      expect(none.events).toMatchObject([{ delta: { choices: [{ finish_reason: "length" }] } }]);
    } else {
      await expect(ask({ max_tokens: 20 }, { continueBehind: behind })).rejects.toMatchObject({
        code: "engine_error",
      });
    }
  });

  it.each([
    ["cut-mid", "engine_error"],
    ["garbage", "engine_protocol_error"],
    ["error-after-200", "engine_error"],
  ])("%s: gives what came before, then %s", async (fault, code) => {
    let text = "";
    const reading = async (): Promise<void> => {
      for await (const batch of engine.generate(
        { endpoint: chat, body: { messages, max_tokens: 20, x_sim_fault: fault } },
        never(),
      )) {
        for (const event of batch)
          if (event.type === "delta" && typeof event.delta === "string") text += event.delta;
      }
    };
    await expect(reading()).rejects.toMatchObject({ code });
    expect(text).toBe(expected(20).tokens.slice(0, 10).join(""));
  });

  it.each([
    ["http-500", { code: "engine_error", upstreamStatus: 500 }],
    ["http-429", { code: "engine_overloaded", upstreamStatus: 429, retryAfterS: 2 }],
    ["http-503", { code: "engine_overloaded", upstreamStatus: 503, retryAfterS: 2 }],
    ["http-503-date", { code: "engine_overloaded", upstreamStatus: 503, retryAfterS: 2 }],
  ])("%s is refused in the right words", async (fault, wanted) => {
    await expect(ask({ x_sim_fault: fault })).rejects.toMatchObject(wanted);
  });

  it.each([["hang-before"], ["hang-mid"]])(
    "%s runs into a timeout, and the engine is let go",
    async (fault) => {
      const impatient = connect(300, 300);
      const events = impatient.generate({ endpoint: chat, body: { messages, x_sim_fault: fault } }, never());
      await expect(collect(events)).rejects.toMatchObject({ code: "engine_timeout" });
      await eventually(sim, 0);
      await impatient.close();
    },
  );

  it("passes on what the engine finds wrong with a request", async () => {
    await expect(ask({ max_tokens: 1_000_000 })).rejects.toMatchObject({
      code: "engine_rejected",
      upstreamStatus: 400,
      param: "max_tokens",
      message: expect.stringContaining("max_tokens"),
    });
  });

  it("stops the generation when aborted", async () => {
    const controller = new AbortController();
    const slow = { messages, max_tokens: 30_000 };
    const seen = collect(engine.generate({ endpoint: chat, body: slow }, controller.signal));
    void eventually(sim, 1).finally(() => controller.abort(new Error("enough")));
    await expect(seen).rejects.toThrow("enough");
    await eventually(sim, 0);
  });

  it("runs as many at once as it has connections", async () => {
    const outcomes = await Promise.all(Array.from({ length: 64 }, () => ask({ max_tokens: 40 })));
    for (const { text } of outcomes) expect(text).toBe(expected(40).tokens.join(""));
  });

  it("knows whether the engine is there", async () => {
    expect(await engine.healthy(1_000)).toBe(true);
    const absent = createEngine({
      kind,
      url: "http://127.0.0.1:1",
      model: "m",
      firstTokenTimeoutMs: 1_000,
      interTokenTimeoutMs: 1_000,
      maxConnections: 1,
    });
    expect(await absent.healthy(1_000)).toBe(false);
    const events = absent.generate({ endpoint: chat, body: { messages } }, never());
    await expect(collect(events)).rejects.toMatchObject({ code: "engine_unreachable" });
    await absent.close();
  });
});

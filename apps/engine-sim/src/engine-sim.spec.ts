import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import {
  parseEngineSimArguments,
  runEngineSim,
  simulatedAnswer,
  type EngineSim,
  type EngineSimOptions,
} from "./index.js";

let sim: EngineSim | undefined;

afterEach(async () => {
  await sim?.close();
  sim = undefined;
});

async function start(options: Partial<EngineSimOptions> = {}): Promise<EngineSim> {
  sim = await runEngineSim({
    port: 0,
    model: "simulated",
    timeToFirstTokenMs: 1,
    interTokenLatencyMs: 1,
    ...options,
  });
  return sim;
}

const post = (path: string, body: unknown, init: RequestInit = {}): Promise<Response> =>
  fetch(`${sim?.url}${path}`, {
    method: "POST",
    body: typeof body === "string" ? body : JSON.stringify(body),
    ...init,
  });

const chat = (body: object, init?: RequestInit): Promise<Response> =>
  post("/v1/chat/completions", { messages: [{ role: "user", content: "Hi" }], ...body }, init);

async function metric(name: string): Promise<number> {
  const page = await (await fetch(`${sim?.url}/metrics`)).text();
  return Number(new RegExp(`^${name}\\S* (\\S+)`, "m").exec(page)?.[1]);
}

async function eventually(check: () => Promise<void>): Promise<void> {
  await expect
    .poll(
      async () =>
        check().then(
          () => true,
          () => false,
        ),
      { timeout: 2_000, interval: 10 },
    )
    .toBe(true);
}

const answer = (maxTokens?: number, choice = 0): string =>
  simulatedAnswer({
    seed: 1,
    endpoint: "/v1/chat/completions",
    messages: [{ role: "user", content: "Hi" }],
    maxTokens,
    choice,
  }).tokens.join("");

describe("engine-sim", () => {
  it("answers a chat whole, with every choice asked for", async () => {
    await start();
    const body = await (await chat({ n: 2, max_tokens: 7, model: "simulated" })).json();
    expect(body).toMatchObject({
      object: "chat.completion",
      model: "simulated",
      choices: [
        { index: 0, message: { role: "assistant", content: answer(7) }, finish_reason: "length" },
        { index: 1, message: { role: "assistant", content: answer(7, 1) }, finish_reason: "length" },
      ],
      usage: { completion_tokens: 14 },
    });
  });

  it("streams with an opening role, usage and [DONE]", async () => {
    await start();
    const text = await (
      await chat({ stream: true, max_tokens: 3, stream_options: { include_usage: true } })
    ).text();
    const events = text
      .trimEnd()
      .split("\n\n")
      .map((event) => event.slice("data: ".length));
    expect(events.pop()).toBe("[DONE]");
    const chunks = events.map((event) => JSON.parse(event));
    expect(chunks[0].choices[0].delta).toEqual({ role: "assistant", content: "" });
    expect(
      chunks
        .slice(1, 4)
        .map((chunk) => chunk.choices[0].delta.content)
        .join(""),
    ).toBe(answer(3));
    expect(chunks[4].choices[0]).toEqual({ index: 0, delta: {}, finish_reason: "length" });
    expect(chunks[5]).toMatchObject({ choices: [], usage: { completion_tokens: 3 } });
  });

  it("takes prompts in every form OpenAI has", async () => {
    await start();
    for (const prompt of ["a", ["a", "b"], [1, 2], [[1], [2]]]) {
      const body = (await (await post("/v1/completions", { prompt, max_tokens: 2 })).json()) as {
        choices: unknown[];
      };
      expect(body.choices).toHaveLength(Array.isArray(prompt) && typeof prompt[0] !== "number" ? 2 : 1);
    }
  });

  it("runs so many at once, and the others in order of arrival", async () => {
    await start({ maxNumSeqs: 1, interTokenLatencyMs: 5 });
    const finished: number[] = [];
    const requests = [0, 1, 2].map(async (i) => {
      await new Promise((resolve) => setTimeout(resolve, i * 20));
      await (await chat({ max_tokens: 40 })).json();
      finished.push(i);
    });
    await eventually(async () =>
      expect([await metric("vllm:num_requests_running"), await metric("vllm:num_requests_waiting")]).toEqual([
        1, 2,
      ]),
    );
    await Promise.all(requests);
    expect(finished).toEqual([0, 1, 2]);
    expect(await metric("vllm:generation_tokens_total")).toBe(120);
    expect(await metric("vllm:request_success_total")).toBe(3);
  });

  it("stops when the client goes, while it runs and while it waits", async () => {
    await start({ maxNumSeqs: 1, interTokenLatencyMs: 50 });
    const [first, second] = [new AbortController(), new AbortController()];
    const requests = [
      chat({ stream: true }, { signal: first.signal }),
      chat({ stream: true }, { signal: second.signal }),
    ];
    const settled = Promise.allSettled(requests.map(async (request) => (await request).text()));
    await eventually(async () => expect(await metric("vllm:num_requests_waiting")).toBe(1));
    second.abort();
    await eventually(async () =>
      expect([await metric("vllm:num_requests_running"), await metric("vllm:num_requests_waiting")]).toEqual([
        1, 0,
      ]),
    );
    first.abort();
    await eventually(async () => expect(await metric("vllm:num_requests_running")).toBe(0));
    expect(await metric("engine_sim:requests_abandoned_total")).toBe(2);
    await settled;
  });

  it("keeps its pace: tokens come one by one, slower under load", async () => {
    await start({ timeToFirstTokenMs: 100, interTokenLatencyMs: 20, timeFactorUnderLoad: 2, maxNumSeqs: 2 });
    const timed = async (): Promise<number> => {
      const from = performance.now();
      await (await chat({ max_tokens: 10 })).json();
      return performance.now() - from;
    };
    const alone = await timed();
    expect(alone).toBeGreaterThan(100 + 9 * 20 - 5);
    const [together] = await Promise.all([timed(), timed()]);
    expect(together).toBeGreaterThan(100 + 9 * 20 + 60);
  });

  it("strikes once when asked to, also by header", async () => {
    await start();
    const headers = { "x-sim-fault": "once:http-503" };
    expect((await chat({ max_tokens: 1 }, { headers })).status).toBe(503);
    expect((await chat({ max_tokens: 1 }, { headers })).status).toBe(200);
    expect((await chat({ x_sim_fault: "http-429" })).headers.get("retry-after")).toBe("2");
  });

  it("fails by chance at the rate given, the same way for the same seed", async () => {
    const statuses = async (): Promise<(number | string)[]> => {
      await start({ failureInjectionRate: 0.5 });
      const seen: (number | string)[] = [];
      for (let i = 0; i < 40; i += 1)
        seen.push(
          await chat({ max_tokens: 1 }).then(
            (response) => response.status,
            () => "cut",
          ),
        );
      await sim?.close();
      return seen;
    };
    const first = await statuses();
    expect(first.filter((status) => status !== 200).length).toBeGreaterThan(8);
    expect(first.filter((status) => status !== 200).length).toBeLessThan(32);
    expect(await statuses()).toEqual(first);
    sim = undefined;
  });

  it("gives each prompt its own faults by chance, in whatever order they come, of the types named", async () => {
    const types = ["http-500", "http-429"] as const;
    const statusesOf = async (prompts: readonly string[]): Promise<Record<string, number>> => {
      await start({ failureInjectionRate: 0.5, failureTypes: types, retryAfterS: 7 });
      const seen: Record<string, number> = {};
      for (const prompt of prompts) {
        const response = await post("/v1/completions", { prompt, max_tokens: 1 });
        seen[prompt] = response.status;
        if (response.status === 429) expect(response.headers.get("retry-after")).toBe("7");
      }
      await sim?.close();
      return seen;
    };
    const prompts = Array.from({ length: 30 }, (_, i) => `prompt ${i}`);
    const forwards = await statusesOf(prompts);
    expect(new Set(Object.values(forwards))).toEqual(new Set([200, 429, 500]));
    expect(await statusesOf(prompts.toReversed())).toEqual(forwards);
    sim = undefined;
  });

  it.each([
    ["/v1/chat/completions", "{", 400, null],
    ["/v1/chat/completions", [], 400, null],
    ["/v1/chat/completions", {}, 400, "messages"],
    ["/v1/chat/completions", { messages: [] }, 400, "messages"],
    ["/v1/chat/completions", { messages: [{ content: "a" }] }, 400, "messages[0].role"],
    ["/v1/chat/completions", { messages: [{ role: "user", content: 7 }] }, 400, "messages[0].content"],
    ["/v1/chat/completions", { messages: [{ role: "user" }], model: "gpt" }, 404, "model"],
    ["/v1/chat/completions", { messages: [{ role: "user" }], max_tokens: 0 }, 400, "max_tokens"],
    ["/v1/chat/completions", { messages: [{ role: "user" }], n: 1000 }, 400, "n"],
    ["/v1/chat/completions", { messages: [{ role: "user" }], stop: 7 }, 400, "stop"],
    ["/v1/chat/completions", { messages: [{ role: "user" }], stream_options: {} }, 400, "stream_options"],
    [
      "/v1/chat/completions",
      { messages: [{ role: "assistant" }], continue_final_message: true },
      400,
      "continue_final_message",
    ],
    ["/v1/chat/completions", { messages: [{ role: "user" }], x_sim_fault: "fire" }, 400, "x_sim_fault"],
    ["/v1/completions", {}, 400, "prompt"],
    ["/v1/completions", { prompt: [] }, 400, "prompt"],
    ["/v2/models/simulated/generate", {}, 400, "text_input"],
    ["/v2/models/other/generate", { text_input: "a" }, 404, "model"],
    ["/v1/nothing", {}, 404, null],
  ])("%s refuses %j with %i", async (path, body, status, param) => {
    await start();
    const response = await post(path, body);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({
      error: { message: expect.any(String), param, code: status },
    });
  });

  it("says that it is simulated, whatever it is called", async () => {
    await start({ model: "qwen2.5" });
    const list = (await (await fetch(`${sim?.url}/v1/models`)).json()) as { data: { id: string }[] };
    expect(list.data.map((model) => model.id)).toEqual(["qwen2.5-simulated"]);
  });

  it("does without chunks for a client of HTTP/1.0", async () => {
    const { url } = await start();
    const { connect } = await import("node:net");
    const { port } = new URL(url);
    const body = JSON.stringify({ messages: [{ role: "user", content: "Hi" }], stream: true, max_tokens: 2 });
    const socket = connect(Number(port), "127.0.0.1");
    socket.write(`POST /v1/chat/completions HTTP/1.0\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    let text = "";
    for await (const part of socket) text += String(part);
    expect(text).toMatch(/\r\n\r\ndata: [^]*data: \[DONE\]\n\n$/);
  });
});

describe("parseEngineSimArguments", () => {
  it("reads every flag", () => {
    const flags = [
      "--port",
      "0",
      "--model",
      "m",
      "--max-num-seqs",
      "3",
      "--time-to-first-token",
      "1.5",
      "--seed",
      "9",
    ];
    expect(parseEngineSimArguments(flags)).toMatchObject({
      port: 0,
      model: "m-simulated",
      maxNumSeqs: 3,
      timeToFirstTokenMs: 1.5,
      seed: 9,
    });
  });

  it("names every bad value, and unknown flags", () => {
    const bad = (): unknown =>
      parseEngineSimArguments([
        "--port",
        "x",
        "--max-num-seqs",
        "0",
        "--failure-injection-rate",
        "2",
        "--failure-types",
        "cut-mid,fire",
      ]);
    expect(bad).toThrow(/--port .*\n--max-num-seqs .*\n--failure-injection-rate .*\n--failure-types /);
    expect(() => parseEngineSimArguments(["--speed", "9"])).toThrow("--speed");
  });
});

describe("the process", () => {
  it.each(["SIGTERM", "SIGINT"] as const)(
    "ends at once on %s, in the middle of an answer",
    async (signal) => {
      const main = fileURLToPath(new URL("../dist/main.js", import.meta.url));
      const child = spawn(process.execPath, [main, "--port", "0", "--inter-token-latency", "1000"], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      const [line] = (await once(child.stdout, "data")) as [Buffer];
      const url = /http:\S+/.exec(String(line))?.[0];
      const request = fetch(`${url}/v1/completions`, { method: "POST", body: '{"prompt":"a","stream":true}' })
        .then((response) => response.text())
        .then(
          () => "whole",
          () => "cut",
        );
      await new Promise((resolve) => setTimeout(resolve, 100));
      const from = performance.now();
      child.kill(signal);
      const [code] = (await once(child, "exit")) as [number];
      expect(code).toBe(0);
      expect(performance.now() - from).toBeLessThan(1_000);
      expect(await request).toBe("cut");
    },
  );
});

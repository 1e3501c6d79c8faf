import { afterEach, describe, expect, it } from "vitest";
import { PrefixCache, prefixChainOf } from "./prefix-cache.js";
import { runEngineSim, type EngineSim, type EngineSimOptions } from "./index.js";

let sim: EngineSim | undefined;
afterEach(async () => {
  await sim?.close();
  sim = undefined;
});

async function start(options: Partial<EngineSimOptions>): Promise<EngineSim> {
  return (sim = await runEngineSim({ port: 0, model: "simulated", ...options }));
}

const post = (path: string, body: unknown): Promise<Response> =>
  fetch(`${sim?.url}${path}`, { method: "POST", body: JSON.stringify(body) });

interface Message {
  role: string;
  content: string;
}

/** Answers the text, the cached tokens and how long it took. */
async function chat(messages: Message[], maxTokens = 5) {
  const begunMs = performance.now();
  const response = await post("/v1/chat/completions", { messages, max_tokens: maxTokens });
  const body = (await response.json()) as {
    choices: { message: Message }[];
    usage: { prompt_tokens: number; prompt_tokens_details?: { cached_tokens: number } };
  };
  return {
    answer: body.choices[0]?.message as Message,
    prompt: body.usage.prompt_tokens,
    cached: body.usage.prompt_tokens_details?.cached_tokens,
    tookMs: performance.now() - begunMs,
  };
}

const user = (content: string): Message => ({ role: "user", content });

async function metric(name: string): Promise<number> {
  const page = await (await fetch(`${sim?.url}/metrics`)).text();
  return Number(new RegExp(`^${name}\\S* (\\S+)`, "m").exec(page)?.[1]);
}

describe("POST /sim/time-factor", () => {
  it("slows down answers under way and those to come, and lets them recover", async () => {
    await start({ timeToFirstTokenMs: 1, interTokenLatencyMs: 5 });
    const underWay = chat([user("a")], 200);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const changed = await post("/sim/time-factor", { factor: 40 });
    expect(await changed.json()).toEqual({ simulated: true, factor: 40 });
    expect((await chat([user("b")], 3)).tookMs).toBeGreaterThan(300);
    await post("/sim/time-factor", { factor: 1 });
    expect((await underWay).tookMs).toBeGreaterThan(1_000 + 300);
  });

  it("changes how many run at once", async () => {
    await start({ timeToFirstTokenMs: 10, interTokenLatencyMs: 2_000, maxNumSeqs: 8 });
    await post("/sim/time-factor", { factor: 1, max_num_seqs: 2 });
    const asked = Array.from({ length: 3 }, (_, i) => chat([user(String(i))], 2).catch(() => undefined));
    await expect.poll(() => metric("vllm:num_requests_waiting"), { timeout: 2_000 }).toBe(1);
    expect(await metric("vllm:num_requests_running")).toBe(2);
    await sim?.close();
    sim = undefined;
    await Promise.all(asked);
  });

  it.each([
    [{}, "factor"],
    [{ factor: 0 }, "factor"],
    [{ factor: "5" }, "factor"],
    [{ factor: 1, colour: 1 }, "colour"],
    [{ factor: 1, max_num_seqs: 0 }, "max_num_seqs"],
  ])("refuses %j", async (body, param) => {
    await start({});
    const response = await post("/sim/time-factor", body);
    expect(response.status).toBe(400);
    expect(((await response.json()) as { error: { param: string } }).error.param).toBe(param);
  });
});

describe("the simulated prefix cache", () => {
  it("holds a conversation's turns, shortens the wait and counts tokens", async () => {
    await start({
      timeToFirstTokenMs: 400,
      interTokenLatencyMs: 1,
      prefixCacheSize: 100,
      prefixCacheSpeedup: 100,
    });
    const first = [user("A long question. ".repeat(40))];
    const one = await chat(first);
    expect(one.cached).toBe(0);
    const second = [...first, one.answer, user("And?")];
    const two = await chat(second);
    expect(two.cached).toBeGreaterThan(0.9 * one.prompt);
    expect(two.tookMs).toBeLessThan(one.tookMs - 200);
    expect((await chat([user("Something else.")])).cached).toBe(0);
    expect(await metric("vllm:prefix_cache_hits_total")).toBe(two.cached);
    expect(await metric("vllm:prefix_cache_queries_total")).toBeGreaterThanOrEqual(one.prompt + two.prompt);
  });

  it("is not there unless it is asked for", async () => {
    await start({ timeToFirstTokenMs: 1, interTokenLatencyMs: 1 });
    await chat([user("a")]);
    expect((await chat([user("a")])).cached).toBeUndefined();
  });

  it("forgets what was not used for longest", () => {
    const cache = new PrefixCache(2);
    const chains = ["a", "b", "c"].map((prompt) => prefixChainOf({ endpoint: "/v1/completions", prompt }));
    const admit = (i: number): number => cache.admit(chains[i] as (typeof chains)[number], 10);
    expect([admit(0), admit(1), admit(0), admit(2)]).toEqual([0, 0, 9, 0]);
    expect(admit(0), "was used last").toBe(9);
    expect(admit(1), "was forgotten").toBe(0);
  });
});

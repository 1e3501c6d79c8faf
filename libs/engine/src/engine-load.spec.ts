import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { EngineKind } from "@expert-router/contracts";
import { afterEach, describe, expect, it } from "vitest";
import { createEngine } from "./create-engine.js";
import type { InferenceEngine } from "./inference-engine.js";

/** Of a server that takes the request and says nothing. */
const silence = Symbol("silence");
let server: Server | undefined;
let engine: InferenceEngine | undefined;
let asked: string[] = [];
afterEach(async () => {
  await engine?.close();
  server?.closeAllConnections();
  server?.close();
  asked = [];
});

type Page = string | number | typeof silence;

/** An engine whose server has `pages`, and answers 404 to all else. */
async function engineWith(kind: EngineKind, pages: Record<string, Page>): Promise<InferenceEngine> {
  const listening = createServer((request, response) => {
    asked.push(request.url ?? "");
    const page = pages[request.url ?? ""] ?? 404;
    if (page === silence) return;
    if (typeof page === "number") response.writeHead(page).end();
    else response.writeHead(200, { "content-type": "text/plain" }).end(page);
  }).listen(0, "127.0.0.1");
  server = listening;
  await new Promise((resolve) => listening.once("listening", resolve));
  const url = `http://127.0.0.1:${(listening.address() as AddressInfo).port}/v1`;
  const timeouts = { firstTokenTimeoutMs: 1_000, interTokenTimeoutMs: 1_000 };
  return (engine = createEngine({ kind, url, model: "m", ...timeouts, maxConnections: 1 }));
}

const load = (): Promise<unknown> | undefined => engine?.load?.(500);

describe("the load of an engine", () => {
  it("is read from vLLM's page: of several engines in one server the sum, and the fullest cache", async () => {
    await engineWith("vllm", {
      "/metrics": `# HELP vllm:num_requests_running Number of requests.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="a } b \\" c"} 3.0
vllm:num_requests_running{engine="1",model_name="m"} 4.0 1700000000000
vllm:num_requests_running_total{engine="0"} 99
vllm:num_requests_waiting{engine="0"} 2.0
vllm:num_requests_waiting{engine="1"} NaN
vllm:kv_cache_usage_perc{engine="0"} 0.25
vllm:kv_cache_usage_perc{engine="1"} 0.5`,
    });
    expect(await load()).toEqual({ running: 7, waiting: 2, cacheUsage: 0.5, slots: undefined });
  });

  it("is read by the older name of the cache, too", async () => {
    await engineWith("vllm", {
      "/metrics": "vllm:num_requests_waiting 0\nvllm:gpu_cache_usage_perc 0.9\r\n",
    });
    expect(await load()).toMatchObject({ waiting: 0, cacheUsage: 0.9 });
  });

  it("is read from SGLang's and TGI's pages", async () => {
    await engineWith("sglang", {
      "/metrics": "sglang:num_running_reqs 5\nsglang:num_queue_reqs 1\nsglang:token_usage 0.28\n",
    });
    expect(await load()).toMatchObject({ running: 5, waiting: 1, cacheUsage: 0.28 });
    await engine?.close();
    server?.close();
    await engineWith("tgi", { "/metrics": "tgi_batch_current_size 6\ntgi_queue_size 2\n" });
    expect(await load()).toMatchObject({ running: 6, waiting: 2, cacheUsage: undefined });
  });

  it("of llama.cpp has slots even where it was started without metrics", async () => {
    await engineWith("llamacpp", { "/props": '{"total_slots":4}', "/metrics": 501 });
    expect(await load()).toEqual({ slots: 4 });
    expect(await load()).toEqual({ slots: 4 });
    expect(asked, "each page once in a while").toEqual(["/props", "/metrics"]);
  });

  it("is unknown, and not asked for all the time, where the server has no page or says nothing on it", async () => {
    await engineWith("vllm", { "/metrics": "up 1\n" });
    expect(await load()).toBeUndefined();
    expect(await load()).toBeUndefined();
    expect(asked).toEqual(["/metrics"]);
  });

  it("is unknown where the server is too slow, answers 500, or sends without end", async () => {
    const pages: Record<string, Page> = { "/metrics": silence };
    await engineWith("vllm", pages);
    expect(await load()).toBeUndefined();
    pages["/metrics"] = 500;
    expect(await load()).toBeUndefined();
    pages["/metrics"] = `${"x 1\n".repeat(1_200_000)}vllm:num_requests_waiting 1\n`;
    expect(await load()).toBeUndefined();
    expect(asked).toHaveLength(3);
  });

  it("is not asked of families that tell none", async () => {
    for (const kind of ["openai", "ollama", "triton"] as const) {
      await engineWith(kind, {});
      expect(engine?.load).toBeUndefined();
      await engine?.close();
      server?.close();
    }
  });
});

import { once } from "node:events";
import { createServer } from "node:net";
import type { ExpertConfig } from "@expert-router/config";
import { findFreePort } from "@expert-router/redis-server";
import { describe, expect, it } from "vitest";
import { planSimulatedEngines } from "./simulated-engines.js";

function expert(id: string, kind: "sim" | "vllm", url: string): ExpertConfig {
  const engine = {
    kind,
    url,
    model: "simulated-m",
    concurrency: 9,
    firstTokenTimeoutMs: 1,
    interTokenTimeoutMs: 1,
  };
  return { id, domains: [], clusters: [], engine };
}

describe("planSimulatedEngines", () => {
  it("takes the configured port, and only simulators of this machine", async () => {
    const port = await findFreePort();
    const engines = await planSimulatedEngines([
      expert("a", "sim", `http://127.0.0.1:${port}`),
      expert("b", "vllm", "http://127.0.0.1:1"),
      expert("c", "sim", "http://gpu-2:8000"),
    ]);
    expect(engines).toMatchObject([{ expert: "a", port, url: `http://127.0.0.1:${port}` }]);
    expect(engines[0]?.args).toContain("--max-num-seqs=9");
  });

  it("takes another port where the configured one is taken, by others or by an engine before it", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port: taken } = other.address() as { port: number };
    const free = await findFreePort();
    const urls = [taken, free, free].map((port) => `http://127.0.0.1:${port}`);
    const engines = await planSimulatedEngines(urls.map((url, index) => expert(`e${index}`, "sim", url)));
    const ports = engines.map(({ port }) => port);
    expect(ports[0]).not.toBe(taken);
    expect(ports[1]).toBe(free);
    expect(new Set(ports).size).toBe(3);
    other.close();
  });
});

import type { ExpertConfig } from "@expert-router/config";
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
  it("prefers the configured port, and takes only simulators of this machine", () => {
    const engines = planSimulatedEngines([
      expert("a", "sim", "http://127.0.0.1:8101"),
      expert("b", "vllm", "http://127.0.0.1:1"),
      expert("c", "sim", "http://gpu-2:8000"),
    ]);
    expect(engines).toMatchObject([{ expert: "a", preferredPort: 8101 }]);
    expect(engines[0]?.argsFor(8101)).toEqual(
      expect.arrayContaining(["engine-sim", "--port=8101", "--any-port-if-taken", "--max-num-seqs=9"]),
    );
  });
});

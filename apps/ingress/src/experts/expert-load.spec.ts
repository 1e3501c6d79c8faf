import type { WorkerReport } from "@expert-router/contracts";
import { describe, expect, it } from "vitest";
import { ExpertLoad } from "./expert-load.js";

const engine = {
  kind: "sim",
  url: "http://127.0.0.1:1",
  model: "simulated",
  concurrency: 4,
  firstTokenTimeoutMs: 1,
  interTokenTimeoutMs: 1,
} as const;
const empty = { interactive: 0, async: 0, batch: 0 };
const worker: WorkerReport = {
  id: "wrk_1",
  expert: "code",
  host: "here",
  pid: 1,
  startedAtMs: 0,
  state: "running",
  engineHealthy: true,
  engineCircuit: "closed",
  engineKind: "sim",
  engineModel: "simulated",
  running: 0,
  concurrency: 4,
  credits: 4,
  finished: 0,
};

function newLoad(): ExpertLoad {
  return new ExpertLoad({ id: "code", domains: [], clusters: [], engine }, 10);
}

describe("an expert without a working worker", () => {
  it("takes requests for 15 s, then jobs only, and all again once a worker is back", () => {
    const load = newLoad();
    const sick: WorkerReport = { ...worker, engineHealthy: false, engineCircuit: "open" };
    load.update(empty, [worker], 0, 1_000);
    load.update(empty, [sick], 0, 2_000);
    load.update(empty, [sick], 0, 15_999);
    expect(load.status().circuits).toEqual({ closed: 0, half_open: 0, open: 1 });
    expect(() => load.admit({ waits: true })).not.toThrow();
    load.update(empty, [], 0, 16_000);
    expect(() => load.admit({ waits: true })).toThrow(
      expect.objectContaining({ code: "expert_unavailable", retryAfterS: 5 }),
    );
    expect(() => load.admit({ waits: false })).not.toThrow();
    expect(load.status()).toMatchObject({ health: "unavailable", estimated_wait_s: null });
    load.update(empty, [worker], 0, 17_000);
    expect(() => load.admit({ waits: true })).not.toThrow();
  });

  it("waits as long for the first worker after a start", () => {
    const load = newLoad();
    expect(() => load.admit({ waits: true })).not.toThrow();
    load.update(empty, [], 0, 1_000);
    load.update(empty, [], 0, 15_900);
    expect(() => load.admit({ waits: true })).not.toThrow();
    load.update(empty, [], 0, 16_100);
    expect(() => load.admit({ waits: true })).toThrow();
  });
});

describe("an expert's queue", () => {
  it("is full at its bound, and counts what was added since it was last counted", () => {
    const load = newLoad();
    load.update({ ...empty, async: 8 }, [worker], 0, 1_000);
    load.countAdded();
    expect(() => load.admit({ waits: false })).not.toThrow();
    load.countAdded();
    expect(() => load.admit({ waits: false })).toThrow(expect.objectContaining({ code: "queue_full" }));
  });
});

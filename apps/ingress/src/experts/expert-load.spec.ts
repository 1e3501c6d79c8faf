import type { PriorityClass, WorkerReport } from "@expert-router/contracts";
import type { QueueFigures } from "@expert-router/queue";
import { describe, expect, it } from "vitest";
import { ExpertLoad } from "./expert-load.js";
import { expertStatus } from "./expert-status.js";

const engine = {
  kind: "sim",
  url: "http://127.0.0.1:1",
  model: "simulated",
  concurrency: 4,
  firstTokenTimeoutMs: 1,
  interTokenTimeoutMs: 1,
} as const;
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
type ByClass = Partial<Record<PriorityClass, number>>;

/** Jobs of 10 tokens. */
function figuresOf(waiting: ByClass, started: ByClass = {}, booked: ByClass = {}): QueueFigures {
  const sums = (counts: ByClass) => {
    const sum = (jobs = 0) => ({ jobs, tokens: jobs * 10 });
    return { interactive: sum(counts.interactive), async: sum(counts.async), batch: sum(counts.batch) };
  };
  return {
    waiting: sums(waiting),
    started: sums(started),
    booked: { interactive: 0, async: 0, batch: 0, ...booked },
  };
}

function newLoad(maxWaitS?: number, shares: ByClass = {}): ExpertLoad {
  const bounded = (minShare = 0) => ({
    minShare,
    maxQueued: 100,
    ...(maxWaitS !== undefined && { maxWaitS }),
  });
  const classes = {
    interactive: bounded(),
    async: bounded(shares.async),
    batch: bounded(shares.batch),
  };
  const scheduling = { headroom: 0.25, classes };
  return new ExpertLoad({ id: "code", domains: [], clusters: [], engine }, scheduling);
}

function look(load: ExpertLoad, figures: QueueFigures, workers: WorkerReport[], nowMs: number): void {
  load.update({ figures, workers, arrivedBefore: load.arrivals.snapshot() }, nowMs);
}

/** Looks each quarter of a second for `seconds`, while each class starts so many jobs a second. */
function run(load: ExpertLoad, waiting: ByClass, rates: ByClass, seconds: number): void {
  const busy = { ...worker, running: 4 };
  for (let step = 0; step <= seconds * 4; step++) {
    const started = Object.fromEntries(
      Object.entries(rates).map(([name, perS]) => [name, Math.floor((perS * step) / 4)]),
    );
    look(load, figuresOf(waiting, started), [busy], 1_000 + step * 250);
  }
}

describe("an expert without a working worker", () => {
  const sick: WorkerReport = { ...worker, engineHealthy: false, engineCircuit: "open" };

  it("is abandoned after 15 s, and serves again once a worker is back", () => {
    const load = newLoad();
    look(load, figuresOf({}), [worker], 1_000);
    look(load, figuresOf({}), [sick], 2_000);
    look(load, figuresOf({}), [sick], 15_999);
    expect(expertStatus(load).circuits).toEqual({ closed: 0, half_open: 0, open: 1 });
    expect(() => load.refuseIfAbandoned()).not.toThrow();
    look(load, figuresOf({}), [], 16_000);
    expect(() => load.refuseIfAbandoned()).toThrow(
      expect.objectContaining({ code: "expert_unavailable", retryAfterS: 5 }),
    );
    expect(expertStatus(load)).toMatchObject({ health: "unavailable", estimated_wait_s: null });
    look(load, figuresOf({}), [worker], 17_000);
    expect(() => load.refuseIfAbandoned()).not.toThrow();
  });

  it("waits as long for the first worker after a start", () => {
    const load = newLoad();
    expect(load.isAbandoned).toBe(false);
    look(load, figuresOf({}), [], 1_000);
    look(load, figuresOf({}), [], 15_900);
    expect(load.isAbandoned).toBe(false);
    look(load, figuresOf({}), [], 16_100);
    expect(load.isAbandoned).toBe(true);
  });

  it("is away for a class as soon as its patience is over", () => {
    const load = newLoad();
    look(load, figuresOf({}), [worker], 1_000);
    look(load, figuresOf({}), [sick], 3_100);
    expect([load.isAway("interactive"), load.isAway("batch")]).toEqual([true, false]);
  });
});

describe("an estimated wait", () => {
  it("is none while a place is free, which batch work leaves to others within the headroom", () => {
    const load = newLoad();
    look(load, figuresOf({}), [{ ...worker, running: 3 }], 1_000);
    expect([load.waitS("interactive"), load.waitS("batch")]).toEqual([0, null]);
    load.arrivals.start("interactive", 10);
    expect(load.waitS("interactive")).toBeNull();
    load.arrivals.end("interactive", 10, false);
    // What waits behind takes nothing away.
    look(load, figuresOf({ batch: 50 }), [{ ...worker, running: 3 }], 1_250);
    expect(load.waitS("interactive")).toBe(0);
  });

  it("knows that a slow engine has fewer places", () => {
    const load = newLoad();
    look(load, figuresOf({}), [{ ...worker, running: 2, credits: 2 }], 1_000);
    expect(load.capacity).toBe(2);
    expect(load.waitS("interactive")).toBeNull();
    look(load, figuresOf({}), [{ ...worker, running: 2, credits: 3 }], 1_250);
    expect(load.waitS("interactive")).toBe(0);
  });

  it("follows the rate of the class that waits, not that of all", () => {
    const load = newLoad();
    run(load, { interactive: 0, batch: 90 }, { interactive: 8, batch: 2 }, 20);
    expect(load.etaS({ position: 19, positionInClass: 19 }, "batch")).toBeCloseTo(10, 0);
    // Interactive does not wait, so that its own rate is what was asked: it is next whoever ends first.
    expect(load.waitS("interactive")).toBeLessThan(0.2);
  });

  it("of batch work is that behind what comes above it until then, and no longer than its share takes", () => {
    const load = newLoad(undefined, { batch: 0.05 });
    // Of 10 jobs a second, 8 are interactive ones that came just now, while 2 of the backlog start.
    run(load, { batch: 90 }, { interactive: 8, batch: 2 }, 20);
    expect(load.etaS({ position: 39, positionInClass: 19 }, "batch")).toBeCloseTo(20, -1);
    run(load, { interactive: 400, batch: 90 }, { interactive: 10 }, 40);
    expect(load.etaS({ position: 419, positionInClass: 19 }, "batch")).toBeCloseTo(20 / 0.5, 0);
  });

  it("shows a slow-down within seconds", () => {
    const load = newLoad();
    run(load, { async: 90 }, { async: 20 }, 20);
    expect(load.waitS("async")).toBeCloseTo(91 / 20, 0);
    for (let step = 1; step <= 20; step++)
      look(load, figuresOf({ async: 90 }, { async: 400 + step }), [worker], 21_000 + step * 250);
    expect(load.waitS("async")).toBeGreaterThan(91 / 10);
  });

  it("counts what this process has added since", () => {
    const load = newLoad();
    run(load, { async: 20 }, { async: 10 }, 20);
    const before = load.waitS("async")!;
    for (let i = 0; i < 20; i++) {
      load.arrivals.start("async", 10);
      load.arrivals.end("async", 10, i % 2 === 0);
    }
    expect(load.waitS("async")! - before).toBeCloseTo(1, 1);
  });
});

describe("an expert's queue", () => {
  it("surely has room away from its bound only, and never while others are booked", () => {
    const load = newLoad();
    look(load, figuresOf({ async: 79 }), [worker], 1_000);
    expect([load.surelyHasRoom("async"), load.surelyHasRoom("batch")]).toEqual([true, true]);
    look(load, figuresOf({ async: 80 }), [worker], 1_250);
    expect([load.surelyHasRoom("async"), load.surelyHasRoom("batch")]).toEqual([false, true]);
    look(load, figuresOf({}, {}, { batch: 1 }), [worker], 1_500);
    expect([load.surelyHasRoom("async"), load.surelyHasRoom("batch")]).toEqual([true, false]);
  });

  it("lets eight replicas that know nothing of each other fill no more than there is", () => {
    const load = newLoad();
    look(load, figuresOf({ async: 20 }), [worker], 1_000);
    let admitted = 0;
    for (; load.surelyHasRoom("async") && admitted < 100; admitted++) load.arrivals.start("async", 10);
    expect(20 + 8 * (admitted - 1)).toBeLessThanOrEqual(100);
    expect(admitted).toBeGreaterThan(5);
  });

  it("is bounded in seconds too, by the measured rate", () => {
    const load = newLoad(5);
    expect(load.bound("async")).toBe(100);
    run(load, { async: 30 }, { async: 8 }, 20);
    // Of 5 s at 8 jobs a second, four fifths.
    expect(load.bound("async")).toBeGreaterThanOrEqual(30);
    expect(load.bound("async")).toBeLessThanOrEqual(33);
    const headers = load.rateLimitHeaders("async", 7);
    expect(headers["x-ratelimit-limit-requests"]).toBe(String(load.bound("async")));
    expect(headers["x-ratelimit-remaining-requests"]).toBe(String(Math.max(0, load.bound("async") - 30)));
    expect(headers["x-ratelimit-reset-requests"]).toBe("4s");
    expect(headers["x-ratelimit-limit-tokens"]).toBe(String(load.bound("async") * 10));
    expect(headers["x-ratelimit-remaining-tokens"]).toBe(String(Math.max(0, load.bound("async") * 10 - 300)));
  });

  it("is promised no more than its class's guaranteed share serves in time, however fast it goes now", () => {
    const load = newLoad(10, { async: 0.2, batch: 0.1 });
    run(load, { async: 10 }, { async: 10 }, 20);
    const bounds = (["interactive", "async", "batch"] as const).map((name) => load.bound(name));
    // 0.8 of 10 s at 10 jobs a second, times 0.7, 0.2 and 0.1.
    expect(bounds[0]).toBeCloseTo(56, -1);
    expect(bounds[1]).toBeCloseTo(16, -1);
    expect(bounds[2]).toBeCloseTo(8, -1);
  });
});

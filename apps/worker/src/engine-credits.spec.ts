import { describe, expect, it } from "vitest";
import { EngineCredits } from "./engine-credits.js";
import { EngineModel } from "./testing/engine-model.js";

const steady = (ms: number) => () => ms;

describe("credits of an engine that tells its load", () => {
  it("are what is configured while it has no queue", () => {
    const model = new EngineModel(64, { batch: 64, tokenMs: steady(20) });
    expect(model.run(60).fewest).toBe(64);
  });

  it("fall to what it runs, and use all of that", () => {
    const model = new EngineModel(64, { batch: 8, tokenMs: steady(20) });
    model.run(10);
    expect(model.credits.credits).toBeLessThanOrEqual(9);
    expect(model.load.waiting, "the backlog is not in the engine").toBeLessThanOrEqual(1);
    expect(model.run(60).perS).toBeGreaterThan(0.97 * (8 / 0.02));
  });

  it("follow a batch that becomes smaller, and are back within seconds", () => {
    const model = new EngineModel(64, { batch: 64, tokenMs: steady(20) });
    model.run(10);
    model.batch = 8;
    model.run(10);
    expect(model.credits.credits).toBeLessThanOrEqual(9);
    model.batch = 64;
    model.run(10);
    expect(model.credits.credits).toBe(64);
  });

  it("leave the engine to another process in proportion", () => {
    const model = new EngineModel(32, { batch: 32, tokenMs: steady(20) });
    model.run(5);
    model.others = 24;
    model.run(20);
    expect(model.credits.credits).toBeLessThanOrEqual(20);
    expect(model.credits.credits).toBeGreaterThanOrEqual(4);
    model.others = 0;
    model.run(10);
    expect(model.credits.credits).toBe(32);
  });

  it("take no notice of a queue that is seen once", () => {
    const credits = new EngineCredits(8, () => 0);
    credits.look({ running: 4, waiting: 4 }, 8);
    expect(credits.credits).toBe(8);
    credits.look({ running: 4, waiting: 0 }, 8);
    credits.look({ running: 4, waiting: 4 }, 8);
    expect(credits.credits).toBe(8);
    credits.look({ running: 4, waiting: 4 }, 8);
    expect(credits.credits).toBe(4);
  });

  it("shrink before a cache is full, and never below an eighth for it", () => {
    const model = new EngineModel(64, { batch: 64, tokenMs: steady(20) });
    model.cacheUsage = 0.97;
    model.run(3);
    expect(model.credits.credits).toBeLessThan(64);
    model.run(120);
    expect(model.credits.credits).toBe(8);
    model.cacheUsage = 0.9;
    model.run(10);
    expect(model.credits.credits, "not yet calm").toBe(8);
    model.cacheUsage = 0.5;
    model.run(10);
    expect(model.credits.credits).toBe(64);
  });

  it("are no more than its slots, and never 0", () => {
    const credits = new EngineCredits(64, () => 0);
    credits.look({ slots: 4 }, 0);
    expect(credits.credits).toBe(4);
    for (let look = 0; look < 20; look += 1) credits.look({ running: 0, waiting: 9, slots: 4 }, 4);
    expect(credits.credits).toBe(1);
  });

  it("come back within a minute to an engine that has nothing to do", () => {
    const model = new EngineModel(64, { batch: 8, tokenMs: steady(20) });
    model.run(20);
    model.demand = 4;
    model.run(60);
    expect(model.credits.credits, "what little it does says nothing of more").toBeLessThan(16);
    model.demand = 0;
    model.run(65);
    expect(model.credits.credits).toBe(64);
  });
});

describe("credits of a slow engine", () => {
  it("are not taken from one that is merely slow: five times slower for 30 s costs a tenth of a throughput at most", () => {
    const model = new EngineModel(64, { batch: 64, tokenMs: steady(20) });
    model.run(20);
    model.tokenMs = steady(100);
    const slow = model.run(30);
    expect(slow.perS).toBeGreaterThan(0.9 * (64 / 0.1));
    expect(slow.fewest).toBeGreaterThan(0.8 * 64);
    model.tokenMs = steady(20);
    model.run(10);
    expect(model.credits.credits).toBe(64);
    expect(model.run(60).fewest).toBe(64);
  });

  it("shrink where fewer at once give as many tokens, and everyone's come faster", () => {
    // 400 tokens a second, however many share them, from 8 on.
    const shared = (running: number) => Math.max(20, running * 2.5);
    const model = new EngineModel(64, { batch: 64, tokenMs: shared });
    model.demand = 8;
    model.run(10);
    model.demand = Infinity;
    const crowded = model.run(60);
    const settled = model.run(60);
    expect(model.credits.credits).toBeLessThan(40);
    expect(settled.perS).toBeGreaterThan(0.93 * crowded.perS);
  });

  it("find the batch of one that tells nothing by its pace", () => {
    const model = new EngineModel(64, { batch: 8, tokenMs: steady(20) });
    model.tells = false;
    model.demand = 8;
    model.run(10);
    model.demand = Infinity;
    const { perS } = model.run(120);
    expect(model.credits.credits).toBeLessThan(32);
    expect(perS).toBeGreaterThan(0.93 * (8 / 0.02));
  });
});

import type { WorkerReport } from "@expert-router/contracts";
import { describe, expect, it } from "vitest";
import { DrainRate } from "./drain-rate.js";

const worker = (id: string, finished: number) => ({ id, finished, running: 5 }) as WorkerReport;

describe("DrainRate", () => {
  it("knows nothing before two looks", () => {
    const rate = new DrainRate();
    rate.observe([worker("a", 100)], true, 0);
    expect(rate.perS).toBe(0);
    expect(rate.capacityPerS).toBeUndefined();
  });

  it("is right from the first interval on, and over several workers", () => {
    const rate = new DrainRate();
    for (let second = 0; second <= 3; second++)
      rate.observe([worker("a", second * 4), worker("b", second * 6)], true, second * 1_000);
    expect(rate.perS).toBeCloseTo(10);
    expect(rate.capacityPerS).toBeCloseTo(10);
  });

  it("counts neither a worker's past nor its restart", () => {
    const rate = new DrainRate();
    rate.observe([worker("a", 1_000)], true, 0);
    rate.observe([worker("a", 0), worker("b", 500)], true, 1_000);
    expect(rate.perS).toBe(0);
  });

  it("remembers under idleness what the workers can do", () => {
    const rate = new DrainRate();
    for (let second = 0; second <= 5; second++)
      rate.observe([worker("a", second * 10)], true, second * 1_000);
    for (let second = 6; second <= 60; second++) rate.observe([worker("a", 50)], false, second * 1_000);
    expect(rate.perS).toBeLessThan(1);
    expect(rate.capacityPerS).toBeCloseTo(10);
  });

  it("knows how long a request is with an engine, by the places it takes", () => {
    const rate = new DrainRate();
    rate.observe([worker("a", 0)], true, 0);
    expect(rate.serviceS).toBeUndefined();
    for (let second = 1; second <= 30; second++) rate.observe([worker("a", second)], true, second * 1_000);
    expect(rate.serviceS).toBeCloseTo(5);
  });
});

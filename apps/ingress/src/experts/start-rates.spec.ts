import type { QueueFigures } from "@expert-router/queue";
import { describe, expect, it } from "vitest";
import { StartRates } from "./start-rates.js";

type Counts = Pick<QueueFigures, "waiting" | "started">;

function counts(waiting: number, started: number): Counts {
  const none = { jobs: 0, tokens: 0 };
  const of = (jobs: number): QueueFigures["waiting"] => ({
    interactive: none,
    async: { jobs, tokens: jobs * 50 },
    batch: none,
  });
  return { waiting: of(waiting), started: of(started) };
}

/** Looks four times a second; `startedAt` tells how many had started by then. */
function watch(
  rates: StartRates,
  fromS: number,
  toS: number,
  startedAt: (s: number) => number,
  waiting = 9,
): void {
  for (let s = fromS; s <= toS; s += 0.25) rates.observe(counts(waiting, startedAt(s)), 8, s * 1_000);
}

describe("StartRates", () => {
  it("measures jobs and tokens of a class that waits, and only then", () => {
    const rates = new StartRates();
    watch(rates, 0, 5, (s) => Math.floor(s * 12), 0);
    expect(rates.of("async")).toBeUndefined();
    watch(rates, 5.25, 20, (s) => Math.floor(s * 12));
    expect(rates.of("async")!.jobsPerS).toBeCloseTo(12, 0);
    expect(rates.of("async")!.tokensPerS / 50).toBeCloseTo(12, 0);
    expect(rates.meanTokens).toBeCloseTo(50);
    // What started while the queue ran dry is what was asked for.
    rates.observe(counts(0, 240), 8, 20_250);
    expect(rates.of("async")).toBeUndefined();
    expect(rates.whole!.jobsPerS).toBeCloseTo(12, 0);
  });

  it("keeps what it knows through a quiet time, and through a burst behind which nothing starts yet", () => {
    const rates = new StartRates();
    watch(rates, 0, 20, (s) => Math.floor(s * 12));
    watch(rates, 20.25, 320, () => 240, 0);
    watch(rates, 320.25, 323, () => 304);
    expect(rates.whole!.jobsPerS).toBeCloseTo(12, 0);
    watch(rates, 323.25, 340, (s) => 304 + Math.floor((s - 323) * 6));
    expect(rates.whole!.jobsPerS).toBeCloseTo(6, -0.3);
  });

  it("takes no burst into free places for a rate", () => {
    const rates = new StartRates();
    rates.observe(counts(0, 0), 0, 0);
    rates.observe(counts(50, 64), 64, 250);
    expect(rates.of("async")).toBeUndefined();
  });

  it("is steady where places change hands together", () => {
    const rates = new StartRates();
    // 40 places whose requests all last 4 s: 40 starts at once, and none in between.
    for (let s = 0; s <= 40; s += 0.25) rates.observe(counts(90, Math.floor(s / 4) * 40), 40, s * 1_000);
    const seen: number[] = [];
    for (let s = 40.25; s <= 44; s += 0.25) {
      rates.observe(counts(90, Math.floor(s / 4) * 40), 40, s * 1_000);
      seen.push(rates.of("async")!.jobsPerS);
    }
    expect(Math.max(...seen) / Math.min(...seen)).toBeLessThan(3);
  });

  it("survives a Redis that comes back with less", () => {
    const rates = new StartRates();
    watch(rates, 0, 10, (s) => Math.floor(s * 12));
    watch(rates, 10.25, 20, (s) => Math.floor((s - 10) * 12));
    expect(rates.of("async")!.jobsPerS).toBeCloseTo(12, 0);
  });

  it("gives up a rate when nothing starts any more", () => {
    const rates = new StartRates();
    watch(rates, 0, 10, (s) => Math.floor(s * 12));
    watch(rates, 10.25, 70, () => 120);
    expect(rates.of("async")).toBeUndefined();
  });
});

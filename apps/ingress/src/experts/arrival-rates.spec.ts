import type { QueueFigures } from "@expert-router/queue";
import { describe, expect, it } from "vitest";
import { ArrivalRates } from "./arrival-rates.js";

/** Looks each quarter of a second; of jobs of 10 tokens, `perS` come, and all of them start at once. */
class Watched {
  readonly rates = new ArrivalRates();
  private started = 0;
  private waiting = 0;
  private nowMs = 0;

  run(perS: number, seconds: number, { mostPerS = 1_000 } = {}): number {
    for (let step = 0; step < seconds * 4; step++) {
      this.started += perS / 4;
      this.look(mostPerS);
    }
    return this.rates.tokensPerS("batch");
  }

  burst(jobs: number, mostPerS: number): number {
    this.waiting += jobs;
    this.look(mostPerS);
    return this.rates.tokensPerS("batch");
  }

  private look(mostPerS: number): void {
    this.nowMs += 250;
    const sum = (jobs: number) => ({ jobs, tokens: jobs * 10 });
    const only = (jobs: number) => ({ interactive: sum(0), async: sum(0), batch: sum(jobs) });
    const figures: Pick<QueueFigures, "waiting" | "started"> = {
      started: only(this.started),
      waiting: only(this.waiting),
    };
    this.rates.observe(figures, mostPerS, this.nowMs);
  }
}

describe("arrival rates", () => {
  it("are known within seconds, also of a class that was silent for long", () => {
    const watched = new Watched();
    expect(watched.run(8, 3)).toBeCloseTo(80);
    expect(watched.run(0, 60)).toBeLessThan(1);
    expect(watched.run(8, 5)).toBeGreaterThan(0.65 * 80);
    expect(watched.run(8, 20)).toBeCloseTo(80, -1);
  });

  it("follow a change within the memory", () => {
    const watched = new Watched();
    watched.run(4, 30);
    expect(watched.run(8, 8)).toBeGreaterThan(60);
    expect(watched.run(8, 20)).toBeCloseTo(80, -1);
  });

  it("are known to have ended within seconds", () => {
    const watched = new Watched();
    watched.run(8, 30);
    expect(watched.run(0, 3)).toBeLessThan(11);
  });

  it("take a burst for what waits, not for what is to be expected", () => {
    const watched = new Watched();
    watched.run(2, 30, { mostPerS: 100 });
    expect(watched.burst(10_000, 100)).toBeLessThan(50);
    expect(watched.run(2, 10, { mostPerS: 100 })).toBeLessThan(30);
  });

  it("of slow arrivals are a mean over many of them", () => {
    const watched = new Watched();
    const seen: number[] = [];
    for (let minute = 0; minute < 10; minute++) {
      for (let arrival = 0; arrival < 6; arrival++) {
        watched.run(4, 0.25);
        seen.push(watched.run(0, 9.75));
      }
    }
    for (const perS of seen.slice(12)) expect(Math.abs(perS - 1)).toBeLessThan(0.35);
  });
});

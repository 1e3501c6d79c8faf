import { describe, expect, it } from "vitest";
import { maxBatchTexts, TextQueue } from "./text-queue.js";

const textsOf = (...lengths: number[]) => lengths.map((length) => "x".repeat(length));

describe("TextQueue", () => {
  it("is empty at first and after everything was taken", () => {
    const queue = new TextQueue<string>();
    expect(queue.take(1)).toEqual([]);
    queue.add("a", textsOf(3, 1));
    expect(queue.size).toBe(2);
    expect(queue.take(1).map(({ row }) => row)).toEqual([1, 0]);
    expect(queue.size).toBe(0);
    expect(queue.take(1)).toEqual([]);
  });

  it("gives every text once", () => {
    const queue = new TextQueue<string>();
    queue.add("bulk", textsOf(...Array.from({ length: 999 }, (_, at) => (at * 37) % 101)));
    queue.add("small", textsOf(5));
    const seen = new Set<string>();
    while (queue.size > 0) {
      const batch = queue.take(1);
      expect(batch.length).toBeLessThanOrEqual(maxBatchTexts);
      for (const { call, row } of batch) seen.add(`${call} ${row}`);
    }
    expect(seen.size).toBe(1_000);
  });

  it("serves a small call in the batch after next, however long its text and however much waits before it", () => {
    const queue = new TextQueue<string>();
    queue.add("bulk", textsOf(...Array.from({ length: 10_000 }, () => 10)));
    queue.take(1);
    queue.add("small", textsOf(4_000));
    const calls = [...queue.take(1), ...queue.take(1)].map(({ call }) => call);
    expect(calls).toContain("small");
  });

  it("makes batches of long texts small, so that what comes next waits little", () => {
    const queue = new TextQueue<string>();
    queue.add("bulk", textsOf(...Array.from({ length: 100 }, () => 1_024)));
    queue.add("longer than a batch", textsOf(20_000));
    expect(queue.take(1)).toHaveLength(8);
    expect(queue.take(1).map(({ call }) => call)).toEqual(["longer than a batch"]);
  });

  it("puts texts of like length together", () => {
    const queue = new TextQueue<string>();
    queue.add("a", textsOf(...Array.from({ length: 64 }, (_, at) => (at % 2 === 0 ? 10 : 500))));
    expect(new Set(queue.take(1).map(({ text }) => text.length))).toEqual(new Set([10]));
    expect(new Set(queue.take(1).map(({ text }) => text.length))).toEqual(new Set([500]));
  });

  it("divides what waits among those that take", () => {
    const queue = new TextQueue<string>();
    queue.add("a", textsOf(...Array.from({ length: 30 }, () => 10)));
    expect(queue.take(2)).toHaveLength(15);
    expect(queue.take(2)).toHaveLength(8);
  });

  it("forgets a call that is dropped", () => {
    const queue = new TextQueue<string>();
    queue.add("a", textsOf(...Array.from({ length: 100 }, () => 10)));
    queue.add("b", textsOf(10));
    queue.drop("a");
    expect(queue.size).toBe(1);
    expect(queue.take(1).map(({ call }) => call)).toEqual(["b"]);
  });
});

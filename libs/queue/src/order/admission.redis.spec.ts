import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { OrderUnderTest, startBench } from "../testing/order-bench.js";

let bench: Awaited<ReturnType<typeof startBench>>;

beforeAll(async () => {
  bench = await startBench();
});
afterAll(() => bench.stop());

const claim = { priorityClass: "async", maxWaiting: 10, startsPerS: 10 } as const;

describe("admission near the bound", () => {
  it("is exact when many ask at once", async () => {
    const test = new OrderUnderTest(bench.redis);
    await test.add(7);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => test.order.admit({ ...claim, claimant: `client-${i}` })),
    );
    expect(answers.filter(({ admitted }) => admitted)).toHaveLength(3);
    expect((await test.order.figures()).booked.async).toBe(17);
    // Who was let in is queued by now, and is not counted twice.
    await test.add(3);
    await test.take(10);
    const later = await Promise.all(
      Array.from({ length: 11 }, (_, i) =>
        test.order.admit({ ...claim, claimant: `late-${i}`, startsPerS: 1 }),
      ),
    );
    expect(later.filter(({ admitted }) => admitted)).toHaveLength(10);
  });

  it("books places one job's time apart, and keeps what it has said", async () => {
    const test = new OrderUnderTest(bench.redis);
    await test.add(10);
    const waits: number[] = [];
    for (let i = 0; i < 30; i++) {
      const answer = await test.order.admit({ ...claim, claimant: `client-${i}` });
      waits.push(answer.admitted ? 0 : answer.retryAfterMs);
    }
    expect(waits[0]).toBe(1_000);
    expect(waits[29]).toBeGreaterThan(3_000 - 200);
    expect(waits[29]).toBeLessThan(4_100);
    const again = await test.order.admit({ ...claim, claimant: "client-29" });
    expect(!again.admitted && again.retryAfterMs).toBeLessThanOrEqual(waits[29] as number);
  });

  it("lets in who comes when told, before those that come first", async () => {
    const test = new OrderUnderTest(bench.redis);
    await test.add(4);
    const bound = { ...claim, maxWaiting: 4 };
    const booked = await test.order.admit({ ...bound, claimant: "booked" });
    expect(booked.admitted).toBe(false);
    await new Promise((resolve) => setTimeout(resolve, 800));
    await test.take(1);
    expect((await test.order.admit({ ...bound, claimant: "new" })).admitted).toBe(false);
    expect((await test.order.admit({ ...bound, claimant: "booked" })).admitted).toBe(true);
    // A booking is for once.
    await test.add(1);
    expect((await test.order.admit({ ...bound, claimant: "booked" })).admitted).toBe(false);
  });

  it("never holds more than a tenth above the bound, whoever is booked", async () => {
    const test = new OrderUnderTest(bench.redis);
    await test.add(11);
    await Promise.all([1, 2, 3].map((i) => test.order.admit({ ...claim, claimant: `client-${i}` })));
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect((await test.order.admit({ ...claim, claimant: "client-1" })).admitted).toBe(false);
  });

  it("knows what a tenant has waiting", async () => {
    const test = new OrderUnderTest(bench.redis);
    const [id] = await test.add(3);
    await test.add(2, { priorityClass: "batch" });
    await test.add(1, { tenant: "b" });
    await test.queue.remove(id as never);
    expect(await test.queue.waitingOf("a", "async")).toBe(2);
    expect(await test.queue.waitingOf("a", "batch")).toBe(2);
    expect(await test.queue.waitingOf("nobody", "async")).toBe(0);
  });
});

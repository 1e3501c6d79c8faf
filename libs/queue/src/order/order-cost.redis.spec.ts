import { isCluster, type RedisClient } from "@expert-router/redis";
import { afterAll, beforeAll, expect, it } from "vitest";
import { OrderUnderTest, startBench } from "../testing/order-bench.js";

/** With more it measures, as in `ORDER_JOBS=100000 npx vitest run libs/queue/src/order/order-cost`. */
const jobs = Number(process.env["ORDER_JOBS"] ?? 4_000);
const tenants = jobs / 100;
const measured = Math.min(jobs / 2, 6_400);

let bench: Awaited<ReturnType<typeof startBench>>;

beforeAll(async () => {
  bench = await startBench();
});
afterAll(() => bench.stop());

interface Cost {
  readonly commands: number;
  readonly us: number;
}

/** Commands that Redis ran, those within scripts as well, and its time in scripts. */
async function costOf(redis: RedisClient, work: () => Promise<unknown>): Promise<Cost> {
  await redis.config("RESETSTAT");
  await work();
  if (isCluster(redis)) throw new Error("its figures are of one server");
  const stats = await redis.info("commandstats");
  const fields = [...stats.matchAll(/cmdstat_(\S+):calls=(\d+),usec=(\d+)/g)];
  const scripts = fields.filter(([, name]) => name?.startsWith("eval"));
  const sum = (lines: RegExpMatchArray[], group: number): number =>
    lines.reduce((total, line) => total + Number(line[group]), 0);
  return { commands: sum(fields, 2), us: sum(scripts, 3) };
}

async function costOfTaking(
  waiting: number,
): Promise<{ add: Cost; take: Cost; single: Cost; figures: Cost; place: Cost }> {
  const test = new OrderUnderTest(bench.redis);
  let last = "";
  const add = await costOf(bench.redis, async () => {
    for (let i = 0; i < waiting / 100; i++)
      [last = ""] = await test.add(100, { tenant: `tenant-${i % tenants}` });
  });
  // A tenant's jobs lie together as they were added; so each has as many as the other.
  const figures = await costOf(bench.redis, () => test.order.figures());
  const place = await costOf(bench.redis, () => test.order.place(last as never));
  const take = await costOf(bench.redis, async () => {
    for (let taken = 0; taken < measured;) taken += (await test.take(64)).length;
  });
  const single = await costOf(bench.redis, async () => {
    for (let taken = 0; taken < 100;) taken += (await test.take(1)).length;
  });
  return { add, take, single, figures, place };
}

it("taking a job costs the same number of commands, however many wait", async () => {
  const few = await costOfTaking(jobs / 2 + 500);
  const many = await costOfTaking(jobs + 500);
  // Those that are queued at once share their calls.
  expect(many.add.commands / (jobs + 500)).toBeLessThan(11);
  // The upkeep that goes by time adds a few.
  expect(many.take.commands / measured).toBeLessThan(20);
  expect(many.take.commands).toBeLessThan(1.1 * few.take.commands);
  if (process.env["ORDER_JOBS"] === undefined) return;
  const us = (value: number): string => `${value.toFixed(1)} µs`;
  process.stdout.write(
    [
      `${jobs} waiting jobs of ${tenants} tenants, time in Redis:`,
      `  enqueue ${us(many.add.us / jobs)} a job, take of 64 ${us(many.take.us / measured)} a job, take of 1 ${us(many.single.us / 100)}`,
      `  figures ${us(many.figures.us)}, place ${us(many.place.us)}, ${(many.take.commands / measured).toFixed(1)} commands a taken job, ${(many.add.commands / jobs).toFixed(1)} a queued one`,
    ]
      .join("\n")
      .concat("\n"),
  );
}, 600_000);

import { startSentinel, type TestSentinel } from "@expert-router/testing";
import { afterEach, expect, it } from "vitest";
import { outcomeLine, runThroughFailover } from "../support/failover.js";
import { TestSystem } from "../support/system.js";

let sentinel: TestSentinel | undefined;
let system: TestSystem | undefined;
afterEach(async () => {
  await system?.stop();
  await sentinel?.stop();
});

it("answers go on after the master is killed and a replica is promoted", async () => {
  const trio = (sentinel = await startSentinel({ durable: true }));
  const experts = { code: ["code"] };
  system = await TestSystem.start({
    redisUrl: trio.url,
    experts,
    interTokenLatencyMs: 20,
    workersPerExpert: 2,
  });
  const master = await trio.masterPort();
  const outcome = await runThroughFailover(system, {
    streams: 20,
    maxTokens: 400,
    kill: () => trio.kill(master, "SIGKILL"),
    promoted: () => trio.whenPromoted(master),
  });
  process.stdout.write(outcomeLine("Sentinel failover", outcome));
  for (const { end } of outcome.streams) expect(end).toMatch(/^(whole|error)$/);
  // Replication lags by milliseconds, so the writers have all that was lost.
  expect(outcome.streams.filter(({ end }) => end === "whole").length).toBeGreaterThanOrEqual(15);
  expect(Number(outcome.retryAfter)).toBeGreaterThanOrEqual(1);
  expect(outcome.streamsRecoveredMs).toBeLessThan(10_000);
  expect(outcome.requestsRecoveredMs).toBeLessThan(10_000);
});

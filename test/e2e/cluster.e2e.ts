import { expertQueueName } from "@expert-router/contracts";
import { startCluster, type TestCluster } from "@expert-router/testing";
import { afterEach, expect, it } from "vitest";
import { outcomeLine, runThroughFailover } from "../support/failover.js";
import { TestSystem } from "../support/system.js";

let cluster: TestCluster | undefined;
let system: TestSystem | undefined;
afterEach(async () => {
  await system?.stop();
  await cluster?.stop();
});

it("answers go on after the node with their queue is killed and its replica is promoted", async () => {
  const nodes = (cluster = await startCluster({ durable: true }));
  const experts = { code: ["code"] };
  system = await TestSystem.start({
    redisUrl: nodes.url,
    experts,
    interTokenLatencyMs: 20,
    workersPerExpert: 2,
  });
  const queue = expertQueueName("code");
  const node = await nodes.portOf(queue);
  const outcome = await runThroughFailover(system, {
    streams: 20,
    maxTokens: 400,
    kill: () => nodes.kill(node, "SIGKILL"),
    promoted: () => nodes.whenPromoted(queue, node),
  });
  process.stdout.write(outcomeLine("Cluster failover", outcome));
  for (const { end } of outcome.streams) expect(end).toMatch(/^(whole|error)$/);
  expect(outcome.streams.filter(({ end }) => end === "whole").length).toBeGreaterThanOrEqual(15);
  expect(Number(outcome.retryAfter)).toBeGreaterThanOrEqual(1);
  expect(outcome.streamsRecoveredMs).toBeLessThan(10_000);
  expect(outcome.requestsRecoveredMs).toBeLessThan(10_000);
});

import {
  startCluster,
  startSentinel,
  waitFor,
  type TestCluster,
  type TestSentinel,
} from "@expert-router/testing";
import { afterEach, describe, expect, it } from "vitest";
import { awaitReady } from "./await-ready.js";
import { connectRedis, connectSubscriber, type RedisClient } from "./connect.js";
import { LuaScript } from "./lua-script.js";

let servers: TestSentinel | TestCluster | undefined;
const clients: RedisClient[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.disconnect();
  await servers?.stop();
  servers = undefined;
});

async function connected(url: string) {
  const onError = (): void => undefined;
  const waiting = connectRedis(url, { mode: "wait", name: "waiting", onError });
  const failFast = connectRedis(url, { mode: "fail-fast", name: "fail-fast", onError });
  const subscriber = connectSubscriber(url, { name: "subscriber", onError });
  clients.push(waiting, failFast, subscriber);
  await Promise.all([waiting, failFast, subscriber].map((client) => awaitReady(client, 10_000)));
  const heard: string[] = [];
  subscriber.on("message", (_channel, message: string) => heard.push(message));
  await subscriber.subscribe("news");
  return { waiting, failFast, subscriber, heard };
}

const count = new LuaScript("return redis.call('INCR', KEYS[1])");

/** Has who serves `{a}` killed and follows what each kind of connection makes of it. Answers what the subscriber heard. */
async function surviveLossOf(
  url: string,
  kill: () => void,
  promoted: () => Promise<void>,
): Promise<string[]> {
  const { waiting, failFast, subscriber, heard } = await connected(url);
  expect(await count.run(waiting, ["{a}:n"], [])).toBe(1);
  await waiting.publish("news", "before");
  await waitFor("the first message", () => heard.includes("before"));
  // Replicas follow in a moment; what they do not have yet is lost.
  await new Promise((resolve) => setTimeout(resolve, 200));
  kill();
  const kept = count.run(waiting, ["{a}:n"], []);
  let refusedAfterMs = -1;
  await waitFor("a refusal", async () => {
    const startedAtMs = performance.now();
    await failFast
      .set("{a}:x", "1", "EX", 60)
      .catch(() => (refusedAfterMs = performance.now() - startedAtMs));
    return refusedAfterMs >= 0;
  });
  expect(refusedAfterMs).toBeLessThan(3_000);
  await promoted();
  expect(await kept).toBe(2);
  await waitFor("writes of the other connection", async () => (await failFast.set("{a}:x", "1")) === "OK", {
    timeoutMs: 10_000,
  });
  await waitFor("the subscriber", () => subscriber.status === "ready", { timeoutMs: 10_000 });
  await waiting.publish("news", "after");
  await waitFor("the second message", () => heard.includes("after"));
  return heard;
}

describe("a Sentinel trio whose master is killed", () => {
  it("is followed to the new master by every connection", async () => {
    const sentinel = await startSentinel();
    servers = sentinel;
    const master = await sentinel.masterPort();
    const heard = await surviveLossOf(
      sentinel.url,
      () => sentinel.kill(master, "SIGKILL"),
      () => sentinel.whenPromoted(master),
    );
    expect(heard).toEqual(["before", "after"]);
  }, 60_000);

  it("is left by connections whose master froze, and the demoted one takes nothing", async () => {
    const sentinel = await startSentinel();
    servers = sentinel;
    const { waiting } = await connected(sentinel.url);
    const master = await sentinel.masterPort();
    sentinel.kill(master, "SIGSTOP");
    const kept = waiting.set("a", "kept");
    await sentinel.whenPromoted(master);
    expect(await kept).toBe("OK");
    sentinel.kill(master, "SIGCONT");
    expect(await waiting.set("a", "later")).toBe("OK");
  }, 60_000);
});

describe("a cluster", () => {
  it("that loses a node goes on with its replica", async () => {
    const cluster = await startCluster();
    servers = cluster;
    const node = await cluster.portOf("{a}");
    const heard = await surviveLossOf(
      cluster.url,
      () => cluster.kill(node, "SIGKILL"),
      () => cluster.whenPromoted("{a}", node),
    );
    expect(heard).toEqual(["before", "after"]);
  }, 60_000);

  it("hears a subscriber again whose node is killed", async () => {
    const cluster = await startCluster();
    servers = cluster;
    const { subscriber, heard } = await connected(cluster.url);
    const port = (subscriber.stream as unknown as { remotePort: number }).remotePort;
    let away = 0;
    subscriber.on("ready", () => (away += 1));
    cluster.kill(port, "SIGKILL");
    await waitFor("the news of having been away", () => away === 1, { timeoutMs: 10_000 });
    // Through a node that lives; every node hears every channel.
    const other = connectSubscriber(cluster.url, { name: "publisher", onError: () => undefined });
    clients.push(other);
    await waitFor(
      "a message",
      async () => {
        await other.publish("news", "again").catch(() => undefined);
        return heard.includes("again");
      },
      { timeoutMs: 10_000 },
    );
    expect(heard).toContain("again");
  }, 60_000);
});

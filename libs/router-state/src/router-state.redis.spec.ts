import { basePlan, redisKeys, type KeptPrompt, type RouterReplica } from "@expert-router/contracts";
import { connectRedis, connectSubscriber, isCluster, type RedisClient } from "@expert-router/redis";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { deploy } from "./deployment-steps.js";
import { RedisDeploymentStore } from "./redis-deployment-store.js";
import { RedisKeptPrompts } from "./redis-kept-prompts.js";
import { rollOut } from "./roll-out.js";
import { stateServers } from "./testing/state-servers.js";

let server: { readonly url: string; stop(): Promise<void> };
let redis: RedisClient;
const onError = (): void => undefined;
beforeAll(async () => {
  server = await stateServers.start();
  redis = connectRedis(server.url, { mode: "wait", name: "state-spec", onError });
});
beforeEach(async () => {
  const servers = isCluster(redis) ? redis.nodes("master") : [redis];
  await Promise.all(servers.map((one) => one.flushall()));
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

const artifact = { path: "/routers/a", version: "a-1" };
const replica = (id: string, changes: Partial<RouterReplica> = {}): RouterReplica => ({
  id,
  host: "h",
  pid: 1,
  started_at_ms: 1,
  revision: 0,
  versions: { base: "v", active: "v", candidate: null },
  refusals: [],
  ...changes,
});
const refusal = {
  role: "active",
  path: "/routers/a",
  code: "artifact_corrupt",
  message: "no",
  at_ms: 1,
} as const;

describe("RedisDeploymentStore", () => {
  it("lets one of two concurrent changes through, and tells all who listen", async () => {
    const store = new RedisDeploymentStore(redis);
    const listener = connectSubscriber(server.url, { name: "listener", onError });
    const heard: string[] = [];
    await listener.subscribe(redisKeys.routerChannel);
    listener.on("message", (_channel, message) => void heard.push(message));
    const seen = await store.read();
    expect(seen).toEqual({ ...basePlan, revision: 0 });
    const plans = [deploy(seen, artifact), deploy(seen, { ...artifact, version: "a-2" })];
    const results = await Promise.all(plans.map((plan) => store.change(seen.revision, plan)));
    expect(results.filter((result) => result !== undefined)).toHaveLength(1);
    expect(await store.read()).toEqual(results.find((result) => result !== undefined));
    await expect.poll(() => heard).toEqual(["1"]);
    listener.disconnect();
  });

  it("says that it cannot read what a later version wrote", async () => {
    await redis.hset(redisKeys.routerDeployment, "revision", "4", "plan", '{"active":{"oci":"x"}}');
    await expect(new RedisDeploymentStore(redis).read()).rejects.toThrow();
  });

  it("forgets a replica that is silent", async () => {
    const store = new RedisDeploymentStore(redis, { patienceMs: 100 });
    await store.report(replica("one"));
    expect(await store.replicas()).toEqual([replica("one")]);
    await new Promise((resolve) => setTimeout(resolve, 150));
    await store.report(replica("two"));
    expect((await store.replicas()).map(({ id }) => id)).toEqual(["two"]);
    await store.withdraw("two");
    expect(await store.replicas()).toEqual([]);
  });
});

describe("rollOut", () => {
  const options = { timeoutMs: 400, pollMs: 10 };

  it("ends when every replica serves it", async () => {
    const store = new RedisDeploymentStore(redis);
    await store.report(replica("one"));
    await store.report(replica("two"));
    const seen = await store.read();
    const ended = rollOut(store, seen, deploy(seen, artifact), options);
    await store.report(replica("one", { revision: 1 }));
    await store.report(replica("two", { revision: 1, refusals: [{ ...refusal, role: "base" }] }));
    expect(await ended).toMatchObject({ end: "everywhere", deployment: { revision: 1, active: artifact } });
  });

  it("takes back what one replica refuses, and what one does not answer to", async () => {
    const store = new RedisDeploymentStore(redis);
    await store.report(replica("one"));
    await store.report(replica("two"));
    const seen = await store.read();
    const refused = rollOut(store, seen, deploy(seen, artifact), options);
    await store.report(replica("one", { revision: 1, refusals: [refusal] }));
    expect(await refused).toMatchObject({ end: "refused", deployment: { ...basePlan, revision: 2 } });
    expect(await store.read()).toEqual({ ...basePlan, revision: 2 });

    const again = await store.read();
    expect(await rollOut(store, again, deploy(again, artifact), options)).toMatchObject({
      end: "late",
      deployment: { ...basePlan, revision: 4 },
    });
  });

  it("says so when nobody listens, and when somebody else was first", async () => {
    const store = new RedisDeploymentStore(redis);
    const seen = await store.read();
    expect((await rollOut(store, seen, deploy(seen, artifact), options)).end).toBe("unheard");
    expect((await rollOut(store, seen, deploy(seen, artifact), options)).end).toBe("overtaken");
  });
});

describe("RedisKeptPrompts", () => {
  const prompt = (id: string): KeptPrompt => ({
    text: `text of ${id}`,
    id,
    source: "live",
    expert: "code",
    cluster: "sql",
    confidence: 0.5,
    reason: "best-match",
    router_version: "v",
  });
  const all = async (kept: RedisKeptPrompts): Promise<string[]> => {
    const ids: string[] = [];
    for await (const { id } of kept.read()) ids.push(id);
    return ids;
  };

  it("keeps the newest, in order, and can forget them", async () => {
    const kept = new RedisKeptPrompts(redis);
    for (let i = 0; i < 7; i++) await kept.add(prompt(String(i)), { max: 5, days: 30 });
    expect(await all(kept)).toEqual(["2", "3", "4", "5", "6"]);
    expect(await kept.clear()).toBe(5);
    expect(await all(kept)).toEqual([]);
  });

  it("reads more than one page", async () => {
    const kept = new RedisKeptPrompts(redis);
    const pipeline = redis.pipeline();
    for (let i = 0; i < 1_201; i++)
      pipeline.xadd(redisKeys.keptPrompts, "*", "prompt", JSON.stringify(prompt(String(i))));
    await pipeline.exec();
    const ids = await all(kept);
    expect(ids).toHaveLength(1_201);
    expect(new Set(ids).size).toBe(1_201);
  });

  it("lets go of what is too old, and of everything when nobody comes any more", async () => {
    const kept = new RedisKeptPrompts(redis);
    const tenDaysAgo = Date.now() - 10 * 86_400_000;
    await redis.xadd(redisKeys.keptPrompts, `${tenDaysAgo}-0`, "prompt", JSON.stringify(prompt("old")));
    await kept.add(prompt("new"), { max: 5, days: 30 });
    expect(await all(kept)).toEqual(["old", "new"]);
    expect(await kept.trim({ max: 5, days: 9 })).toBe(1);
    expect(await all(kept)).toEqual(["new"]);
    const days = (await redis.pttl(redisKeys.keptPrompts)) / 86_400_000;
    expect(days).toBeGreaterThan(29);
    expect(days).toBeLessThanOrEqual(30);
  });
});

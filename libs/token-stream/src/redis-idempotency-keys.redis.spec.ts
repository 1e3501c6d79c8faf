import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { KeyClaim } from "./idempotency-keys.js";
import { startLog, type LogFixture } from "./testing/log-fixture.js";
import { RedisIdempotencyKeys } from "./redis-idempotency-keys.js";

let log: LogFixture;
let keys: RedisIdempotencyKeys;
beforeAll(async () => {
  log = await startLog();
  keys = new RedisIdempotencyKeys(log.redis, { leaseMs: 200 });
});
afterAll(() => log.stop());

let claims = 0;
const claimOf = (key: string, more: Partial<KeyClaim> = {}): KeyClaim => ({
  tenant: "default",
  key,
  fingerprint: "f",
  id: `req_${++claims}`,
  owner: `owner-${claims}`,
  ttlMs: 60_000,
  ...more,
});

describe("an Idempotency-Key", () => {
  it("belongs to one of many who claim it at once, until the work is made", async () => {
    const all = Array.from({ length: 100 }, () => claimOf("many"));
    const results = await Promise.all(all.map((claim) => keys.claim(claim)));
    const mine = results.flatMap((result, i) => (result.state === "mine" ? [all[i] as KeyClaim] : []));
    expect(mine.length).toBe(1);
    expect(results.filter(({ state }) => state === "busy").length).toBe(99);
    await keys.made(mine[0] as KeyClaim);
    expect(await keys.claim(claimOf("many"))).toEqual({ state: "made", id: mine[0]?.id });
  });

  it("answers an owner who asks twice the same, and tenants apart", async () => {
    const claim = claimOf("twice");
    expect(await keys.claim(claim)).toEqual({ state: "mine", id: claim.id });
    expect(await keys.claim(claim)).toEqual({ state: "mine", id: claim.id });
    const other = claimOf("twice", { tenant: "t2", fingerprint: "g" });
    expect(await keys.claim(other)).toEqual({ state: "mine", id: other.id });
  });

  it("stands for one request only, also while that is being made", async () => {
    const claim = claimOf("other");
    await keys.claim(claim);
    expect((await keys.claim(claimOf("other", { fingerprint: "g" }))).state).toBe("other");
    await keys.made(claim);
    expect((await keys.claim(claimOf("other", { fingerprint: "g" }))).state).toBe("other");
  });

  it("is carried on under its id by the next one when its owner has died", async () => {
    const dead = claimOf("lease");
    await keys.claim(dead);
    const next = claimOf("lease");
    expect((await keys.claim(next)).state).toBe("busy");
    await sleep(250);
    expect(await keys.claim(next)).toEqual({ state: "mine", id: dead.id });
    // The first one was only slow: it has no say any more.
    await keys.release(dead);
    await keys.made(dead);
    expect((await keys.claim(claimOf("lease"))).state).toBe("busy");
    await keys.made(next);
    expect(await keys.claim(claimOf("lease"))).toEqual({ state: "made", id: dead.id });
  });

  it("stands for another request when the work is forgotten, or its owner died, and not while it is made", async () => {
    const first = claimOf("outlived");
    await keys.claim(first);
    const other = claimOf("outlived", { fingerprint: "g" });
    expect(await keys.claim(other)).toEqual({ state: "other" });
    expect(await keys.claim({ ...other, replaces: first.id })).toEqual({ state: "other" });
    await sleep(250);
    expect(await keys.claim(other)).toEqual({ state: "other", id: first.id });
    expect(await keys.claim({ ...other, replaces: first.id })).toEqual({ state: "mine", id: other.id });
    await keys.made(other);
    const third = claimOf("outlived");
    expect(await keys.claim(third)).toEqual({ state: "other", id: other.id });
    expect(await keys.claim({ ...third, replaces: other.id })).toEqual({ state: "mine", id: third.id });
  });

  it("is free when its work was refused, and stands for new work when the old is forgotten", async () => {
    const refused = claimOf("free");
    await keys.claim(refused);
    await keys.release(refused);
    const made = claimOf("free");
    expect(await keys.claim(made)).toEqual({ state: "mine", id: made.id });
    await keys.made(made);
    const next = claimOf("free", { replaces: made.id });
    expect(await keys.claim(next)).toEqual({ state: "mine", id: next.id });
    await keys.made(next);
    expect(await keys.claim(claimOf("free", { replaces: made.id }))).toEqual({ state: "made", id: next.id });
  });

  it("is forgotten after its time", async () => {
    const claim = claimOf("ttl", { ttlMs: 50 });
    await keys.claim(claim);
    await keys.made(claim);
    await sleep(80);
    const next = claimOf("ttl");
    expect(await keys.claim(next)).toEqual({ state: "mine", id: next.id });
    const ttlsMs: number[] = [];
    await log.onEveryServer(async (server) => {
      for (const key of await server.keys("er:{idem-*")) ttlsMs.push(await server.pttl(key));
    });
    expect(ttlsMs).not.toEqual([]);
    for (const ttlMs of ttlsMs) expect(ttlMs).toBeGreaterThan(0);
  });
});

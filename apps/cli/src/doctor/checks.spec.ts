import type { ExpertStatus } from "@expert-router/contracts";
import { describe, expect, it } from "vitest";
import { checkNode } from "./check-machine.js";
import { judge } from "./check-redis.js";
import { checkWorkers } from "./check-system.js";

describe("checkNode", () => {
  it("wants 20.19 or later", () => {
    expect(["18.20.0", "20.18.9", "20.19.0", "22.1.0"].map((version) => checkNode(version).status)).toEqual([
      "fail",
      "fail",
      "ok",
      "ok",
    ]);
  });
});

describe("judging a Redis", () => {
  const fit = { redis_version: "7.4.1", maxmemory_policy: "noeviction", aof_enabled: "1" };
  const statusOf = (changes: Partial<typeof fit>) =>
    judge("redis://h", (name) => ({ ...fit, ...changes })[name as keyof typeof fit]).status;

  it("refuses what would lose requests", () => {
    expect(statusOf({})).toBe("ok");
    expect(statusOf({ redis_version: "6.2.14" })).toBe("fail");
    expect(statusOf({ maxmemory_policy: "allkeys-lru" })).toBe("fail");
    expect(statusOf({ aof_enabled: "0" })).toBe("warn");
  });
});

describe("checkWorkers", () => {
  it("fails for an expert that nobody works for", () => {
    const experts = [
      { id: "a", workers: 2, health: "healthy" },
      { id: "b", workers: 0, health: "unavailable" },
    ] as ExpertStatus[];
    expect(checkWorkers(experts).map(({ status }) => status)).toEqual(["ok", "fail"]);
    expect(checkWorkers(undefined)[0]?.status).toBe("skip");
  });
});

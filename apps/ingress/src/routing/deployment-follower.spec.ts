import { basePlan, type DeploymentPlan, type RouterReplica } from "@expert-router/contracts";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FakeArtifacts } from "../testing/fake-routers.js";
import { DeploymentFollower } from "./deployment-follower.js";
import { RouterLineup } from "./router-lineup.js";

let artifacts: FakeArtifacts;
let lineup: RouterLineup;
let deployment: DeploymentPlan & { revision: number };
let reports: RouterReplica[];
let reads: number;
let follower: DeploymentFollower;

beforeEach(async () => {
  vi.useFakeTimers();
  artifacts = new FakeArtifacts();
  artifacts.versions.set("/base", "base-1");
  lineup = await RouterLineup.start("/base", artifacts.load, artifacts);
  deployment = { ...basePlan, revision: 0 };
  reports = [];
  reads = 0;
  follower = new DeploymentFollower("one", lineup, {
    read: async () => {
      reads++;
      return deployment;
    },
    report: async (report) => void reports.push(report),
    withdraw: async () => void (reports = []),
  });
});
afterEach(() => void vi.useRealTimers());

const deployed = (name: string, revision: number) => ({
  ...basePlan,
  active: { path: `/${name}`, version: `${name}-1` },
  revision,
});

describe("DeploymentFollower", () => {
  it("acts on a revision once, and reports every time", async () => {
    artifacts.versions.set("/a", "a-1");
    deployment = deployed("a", 1);
    await follower.follow();
    await follower.follow();
    expect(artifacts.loadedRouters).toHaveLength(2);
    expect(reports).toHaveLength(2);
    expect(reports[1]).toMatchObject({ id: "one", revision: 1, versions: { base: "base-1", active: "a-1" } });
  });

  it("reports what it refuses, and tries it again after a while", async () => {
    deployment = deployed("a", 1);
    await follower.follow();
    expect(reports[0]).toMatchObject({
      revision: 1,
      versions: { active: "base-1" },
      refusals: [{ path: "/a" }],
    });
    artifacts.versions.set("/a", "a-1");
    await vi.advanceTimersByTimeAsync(29_000);
    await follower.follow();
    expect(lineup.serving.active.version).toBe("base-1");
    await vi.advanceTimersByTimeAsync(1_000);
    await follower.follow();
    expect(reports.at(-1)).toMatchObject({ versions: { active: "a-1" }, refusals: [] });
  });

  it("follows a Redis that has lost everything", async () => {
    artifacts.versions.set("/a", "a-1");
    deployment = deployed("a", 4);
    await follower.follow();
    deployment = { ...basePlan, revision: 0 };
    await follower.follow();
    expect(lineup.serving.active.version).toBe("base-1");
  });

  it("looks once more for all the news that came while it looked", async () => {
    await Promise.all([follower.follow(), follower.follow(), follower.follow()]);
    expect(reads).toBe(2);
  });

  it("reports while an artifact takes its time to load", async () => {
    artifacts.versions.set("/a", "a-1");
    deployment = deployed("a", 1);
    let open: (() => void) | undefined;
    artifacts.gate = new Promise((resolve) => (open = resolve));
    const following = follower.follow();
    await follower.report();
    expect(reports).toMatchObject([{ revision: 0, versions: { active: "base-1" } }]);
    open!();
    await following;
    expect(reports.at(-1)).toMatchObject({ revision: 1, versions: { active: "a-1" } });
  });

  it("takes its report back at the end", async () => {
    await follower.follow();
    await follower.stop();
    expect(reports).toEqual([]);
  });
});

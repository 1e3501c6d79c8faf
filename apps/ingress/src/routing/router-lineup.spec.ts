import { basePlan, type DeploymentPlan } from "@expert-router/contracts";
import { beforeEach, describe, expect, it } from "vitest";
import { FakeArtifacts } from "../testing/fake-routers.js";
import { RouterLineup } from "./router-lineup.js";

let artifacts: FakeArtifacts;
let lineup: RouterLineup;
let revision: number;
beforeEach(async () => {
  artifacts = new FakeArtifacts();
  for (const name of ["base", "a", "b"]) artifacts.versions.set(`/${name}`, `${name}-1`);
  lineup = await RouterLineup.start("/base", artifacts.load, artifacts);
  revision = 0;
});

const ref = (name: string) => ({ path: `/${name}`, version: `${name}-1` });
const apply = (plan: Partial<DeploymentPlan>) => lineup.apply({ ...basePlan, ...plan, revision: ++revision });
const served = () => {
  const { active, candidate, percent, shadow } = lineup.serving;
  return { active: active.version, candidate: candidate?.version, percent, shadow };
};

describe("RouterLineup", () => {
  it("loads what is deployed beside the old one, and closes what nobody can reach", async () => {
    await apply({ active: ref("a"), previous: "base" });
    expect(served().active).toBe("a-1");
    expect(lineup.isOverridden).toBe(true);
    await apply({ active: ref("a"), candidate: ref("b"), percent: 5 });
    expect(served()).toEqual({ active: "a-1", candidate: "b-1", percent: 5, shadow: false });
    await apply({ active: ref("b"), previous: ref("a") });
    expect(served()).toMatchObject({ active: "b-1", candidate: undefined });
    expect(artifacts.open).toEqual(["base-1", "b-1"]);
    // The candidate that was promoted was not loaded again.
    expect(artifacts.loadedRouters).toHaveLength(3);
    await apply({});
    expect(served().active).toBe("base-1");
    expect(artifacts.open).toEqual(["base-1"]);
    await lineup.close();
    expect(artifacts.open).toEqual([]);
  });

  it("stays with what it has when an artifact is refused, and takes the refusal back when it is not any more", async () => {
    await apply({ active: ref("a") });
    artifacts.versions.delete("/b");
    await apply({ active: ref("b") });
    expect(served().active).toBe("a-1");
    expect(lineup.revision).toBe(2);
    expect(lineup.refusals).toMatchObject([
      { role: "active", path: "/b", code: "artifact_corrupt", message: "/b is broken" },
    ]);
    await apply({ active: ref("a") });
    expect(lineup.refusals).toEqual([]);
  });

  it("goes on with the trial under way when the next candidate is refused", async () => {
    await apply({ candidate: ref("a"), percent: 5 });
    artifacts.versions.delete("/b");
    await apply({ candidate: ref("b"), shadow: true });
    expect(served()).toEqual({ active: "base-1", candidate: "a-1", percent: 5, shadow: false });
    expect(lineup.refusals).toMatchObject([{ role: "candidate", path: "/b" }]);
    await apply({ candidate: ref("a"), percent: 5 });
    expect(lineup.refusals).toEqual([]);
    expect(artifacts.loadedRouters).toHaveLength(2);
  });

  it("refuses a folder that holds another version than the one deployed", async () => {
    artifacts.versions.set("/a", "a-2");
    await apply({ active: ref("a") });
    expect(served().active).toBe("base-1");
    expect(lineup.refusals[0]?.message).toContain("/a holds version a-2, but a-1 was deployed");
    expect(artifacts.open).toEqual(["base-1"]);
  });

  it("serves a new base artifact at once, or once nothing overrides it", async () => {
    artifacts.versions.set("/base", "base-2");
    await lineup.reloadBase();
    expect(served().active).toBe("base-2");
    await apply({ active: ref("a") });
    artifacts.versions.set("/base", "base-3");
    await lineup.reloadBase();
    expect(served().active).toBe("a-1");
    expect(lineup.baseVersion).toBe("base-3");
    expect(artifacts.open).toEqual(["a-1", "base-3"]);
    await apply({});
    expect(served().active).toBe("base-3");
  });

  it("keeps the old base artifact when the new one is broken, and forgets that when it is put right", async () => {
    artifacts.versions.delete("/base");
    await lineup.reloadBase();
    expect(served().active).toBe("base-1");
    expect(lineup.refusals).toMatchObject([{ role: "base" }]);
    const refusedAtMs = lineup.refusals[0]!.at_ms;
    expect([lineup.isBaseDue(refusedAtMs + 29_999), lineup.isBaseDue(refusedAtMs + 30_000)]).toEqual([
      false,
      true,
    ]);
    artifacts.versions.set("/base", "base-1");
    await lineup.reloadBase();
    expect(lineup.refusals).toEqual([]);
    expect(lineup.isBaseDue(Infinity)).toBe(false);
    expect(artifacts.open).toEqual(["base-1"]);
  });

  it("makes one change after the other, whatever comes at once", async () => {
    await Promise.all([apply({ active: ref("a") }), lineup.reloadBase(), apply({ active: ref("b") })]);
    expect(served().active).toBe("b-1");
    expect(artifacts.open).toEqual(["base-1", "b-1"]);
  });
});

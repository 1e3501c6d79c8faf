import { basePlan, type DeploymentPlan } from "@expert-router/contracts";
import { describe, expect, it } from "vitest";
import { deploy, promote, reset, rollback } from "./deployment-steps.js";

const a = { path: "/routers/a", version: "a-1" };
const b = { path: "/routers/b", version: "b-1" };

describe("the steps of a deployment", () => {
  it("deploys at once, and remembers the way back", () => {
    const first = deploy(basePlan, a);
    expect(first).toEqual({ ...basePlan, active: a, previous: "base" });
    const second = deploy(first, b);
    expect(second).toMatchObject({ active: b, previous: a });
    expect(rollback(second)).toMatchObject({ active: a, previous: null });
    expect(() => rollback(rollback(second))).toThrow("nothing to return to");
    expect(rollback(first)).toEqual(basePlan);
    expect(reset()).toEqual(basePlan);
  });

  it("loses no way back when the same artifact is deployed twice", () => {
    expect(deploy(deploy(basePlan, a), a)).toMatchObject({ active: a, previous: "base" });
  });

  it("gives a candidate a share or the shadow, then everything or nothing", () => {
    const active = deploy(basePlan, a);
    const tried: DeploymentPlan = deploy(active, b, { percent: 5 });
    expect(tried).toEqual({ active: a, candidate: b, percent: 5, shadow: false, previous: "base" });
    expect(deploy(tried, b, { shadow: true })).toMatchObject({ percent: 0, shadow: true });
    expect(promote(tried)).toEqual({ active: b, candidate: null, percent: 0, shadow: false, previous: a });
    expect(rollback(tried)).toEqual(active);
    expect(() => promote(active)).toThrow("there is no candidate");
  });
});

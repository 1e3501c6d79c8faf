import type { Drift, RouterStatus } from "@expert-router/contracts";
import { describe, expect, it } from "vitest";
import { checkDeployment, checkDrift } from "./check-traffic.js";

const drift: Drift = {
  router_version: "v2",
  prompts: 5_000,
  window: 5_000,
  verdict: "steady",
  class_psi: 0.02,
  confidence_psi: null,
  below_threshold_share: 0.1,
  unknown_share: 0,
  mean_confidence: 0.8,
  classes: [
    { name: "code", share: 0.1, expected: 0.1 },
    { name: "law", share: 0.7, expected: 0.2 },
  ],
};
const status: RouterStatus = {
  object: "router",
  revision: 3,
  overridden: true,
  base: { version: "v1" },
  active: { version: "v2" },
  candidate: null,
  percent: 0,
  shadow: false,
  refusals: [],
  drift,
};
const drifted = (changes: Partial<Drift>) => checkDrift({ ...status, drift: { ...drift, ...changes } });

describe("checkDrift", () => {
  it("is content with steady traffic, and says nothing of too little", () => {
    expect(checkDrift(status)).toMatchObject({ status: "ok" });
    expect(drifted({ verdict: "too-few", prompts: 7 })).toMatchObject({
      status: "skip",
      detail: expect.stringContaining("7 prompts are too few") as string,
    });
    expect(checkDrift(undefined).status).toBe("skip");
    expect(checkDrift({ ...status, drift: null }).status).toBe("skip");
  });

  it("names what has moved, in plain words", () => {
    const { status: found, detail } = drifted({ verdict: "drifted", class_psi: 0.9 });
    expect(found).toBe("warn");
    expect(detail).toContain("70 % are 'law', where training had 20 %");
    expect(detail).toContain("train again");
    expect(drifted({ verdict: "moving", class_psi: 0.2 }).detail).toContain("look again soon");
    expect(drifted({ verdict: "drifted", confidence_psi: 0.5 }).detail).toContain("sure of them");
    expect(drifted({ unknown_share: 0.3 }).detail).toContain("30 % hold no word that the router knows");
  });
});

describe("checkDeployment", () => {
  it("shows what decides, and warns of a refusal", () => {
    const candidate = { candidate: { version: "v3" }, percent: 5, shadow: true };
    expect(checkDeployment({ ...status, ...candidate })).toEqual({
      name: "router deployment",
      status: "ok",
      detail: "v2 decides, deployed over router.artifact; candidate v3: 5 %, shadow",
    });
    const refusals = [{ role: "base", code: "artifact_corrupt", at: "2026-01-01T00:00:00Z" } as const];
    expect(checkDeployment({ ...status, refusals })).toMatchObject({
      status: "warn",
      detail: expect.stringContaining("the base artifact (artifact_corrupt) and stays with v2") as string,
    });
  });
});

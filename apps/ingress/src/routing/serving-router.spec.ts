import { basePlan, type DeploymentPlan, type KeptPrompt } from "@expert-router/contracts";
import { createMetrics, type Metrics } from "@expert-router/telemetry";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { FakeArtifacts } from "../testing/fake-routers.js";
import { PromptSample } from "./prompt-sample.js";
import { shareOf } from "./prompt-share.js";
import { RouterLineup } from "./router-lineup.js";
import { ServingRouter } from "./serving-router.js";
import { TrafficDrift } from "./traffic-drift.js";

let artifacts: FakeArtifacts;
let lineup: RouterLineup;
let metrics: Metrics;
let router: ServingRouter;
let kept: KeptPrompt[];
let failures: string[];
const bounds = { sample: 0.5, max: 10, days: 1 };
const candidate = { path: "/next", version: "general-2" };

beforeEach(async () => {
  artifacts = new FakeArtifacts();
  artifacts.versions.set("/base", "code-1").set("/next", "general-2").set("/other", "code-3");
  lineup = await RouterLineup.start("/base", artifacts.load, artifacts);
  metrics = createMetrics({ defaultMetrics: false });
  kept = [];
  failures = [];
  const keeping = { add: async (prompt: KeptPrompt) => kept.push(prompt), trim: async () => 0 };
  let draws = 0;
  router = new ServingRouter({
    lineup,
    drift: new TrafficDrift(0.45, metrics.router),
    sample: new PromptSample(bounds, keeping, metrics.router, () => (draws++ % 2 === 0 ? 0.49 : 0.5)),
    metrics: metrics.router,
    log: { failed: (role, version, error) => failures.push(`${role} ${version}: ${String(error)}`) },
  });
});

const apply = (plan: Partial<DeploymentPlan>) => lineup.apply({ ...basePlan, ...plan, revision: 1 });
const origin = (id: string) => ({ id, tenant: "default" });
const settled = () => new Promise((resolve) => setTimeout(resolve, 20));

async function counted(name: string): Promise<Record<string, number>> {
  const { values } = await metrics.registry.getSingleMetric(`expert_router_${name}`)!.get();
  return Object.fromEntries(values.map(({ labels, value }) => [Object.values(labels).join(" "), value]));
}

describe("a share of the prompts", () => {
  it("is about as large as asked, and the same for the same user", async () => {
    await apply({ candidate, percent: 20 });
    let byCandidate = 0;
    for (let i = 0; i < 500; i++)
      if ((await router.route("text", origin(`req_${i}`))).expert === "general") byCandidate++;
    expect(byCandidate).toBeGreaterThan(60);
    expect(byCandidate).toBeLessThan(140);
    expect(await counted("router_decisions_total")).toEqual({
      candidate: byCandidate,
      active: 500 - byCandidate,
    });

    const user = { tenant: "default", user: "ann" };
    expect(shareOf({ ...user, id: "req_1" })).toBe(shareOf({ ...user, id: "req_2" }));
    expect(shareOf({ ...user, id: "req_1" })).not.toBe(shareOf({ ...user, id: "req_1", tenant: "key-2" }));
  });

  it("falls to the active version when the candidate fails", async () => {
    await apply({ candidate, percent: 100 });
    artifacts.of("general-2").failing = true;
    expect(await router.route("text", origin("req_1"))).toMatchObject({ expert: "code" });
    expect(await counted("router_candidate_failures_total")).toEqual({ "": 1 });
    expect(failures).toEqual(["candidate general-2: Error: the model failed"]);
  });
});

describe("decisions that the model cannot keep up with", () => {
  it("are refused past a number, and let in again when there is room", async () => {
    let open: (() => void) | undefined;
    artifacts.of("code-1").gate = new Promise((resolve) => (open = resolve));
    const waiting = Array.from({ length: 4_096 }, (_, i) => router.route("text", origin(`req_${i}`)));
    await expect(router.route("one more", origin("req_x"))).rejects.toMatchObject({
      code: "router_overloaded",
      retryAfterS: 1,
    });
    open!();
    await Promise.all(waiting);
    expect(await router.route("one more", origin("req_x"))).toMatchObject({ expert: "code" });
  });

  it("are refused earlier where one takes seconds, and the client is told how long", async () => {
    let open: (() => void) | undefined;
    artifacts.of("code-1").gate = new Promise((resolve) => (open = resolve));
    const waiting = Array.from({ length: 64 }, (_, i) => router.route("text", origin(`req_${i}`)));
    const clock = vi.spyOn(performance, "now").mockReturnValue(performance.now() + 7_500);
    await expect(router.route("one more", origin("req_x"))).rejects.toMatchObject({ retryAfterS: 8 });
    clock.mockRestore();
    open!();
    await Promise.all(waiting);
  });
});

describe("a shadow", () => {
  it("decides the same turns without effect, and its differences are counted by pair", async () => {
    await apply({ candidate, shadow: true });
    expect(await router.route("text", origin("req_1"))).toMatchObject({ expert: "code" });
    await settled();
    expect(artifacts.of("general-2").asked).toEqual([["text"]]);
    expect(await counted("shadow_decisions_total")).toEqual({ "code general": 1 });
    expect((await counted("shadow_seconds"))[""]).toBeGreaterThan(0);
  });

  it("that hangs or fails never holds a request up, and drops what does not fit its backlog", async () => {
    await apply({ candidate, shadow: true });
    let open: (() => void) | undefined;
    artifacts.of("general-2").gate = new Promise((resolve) => (open = resolve));
    await router.route("text", origin("req_0"));
    await settled();
    for (let i = 1; i < 300; i++) await router.route("text", origin(`req_${i}`));
    expect(await counted("shadow_dropped_total")).toEqual({ backlog: 43 });
    artifacts.of("general-2").failing = true;
    open!();
    await expect
      .poll(() => counted("shadow_dropped_total"), { timeout: 5_000 })
      .toEqual({ backlog: 43, failed: 256 });
    expect(await counted("shadow_decisions_total")).toEqual({ "code general": 1 });
  });

  it("is not asked any more once it is withdrawn", async () => {
    await apply({ candidate, shadow: true });
    const shadow = artifacts.of("general-2");
    const decided = router.route("text", origin("req_1"));
    await Promise.all([decided, apply({})]);
    await settled();
    expect(shadow.closed).toBe(true);
    expect(await counted("shadow_dropped_total")).toEqual({});
  });
});

describe("what is watched", () => {
  it("is the window of the active version, which a new version begins anew", async () => {
    for (let i = 0; i < 3; i++) await router.route("text", origin(`req_${i}`));
    expect(router.status()).toMatchObject({
      overridden: false,
      active: { version: "code-1" },
      drift: { prompts: 3, verdict: "too-few", classes: [{ name: "code", share: 1, expected: 0.5 }, {}] },
    });
    expect((await counted("route_confidence"))["0.8"]).toBe(3);
    await apply({ active: { path: "/other", version: "code-3" } });
    expect(router.status()).toMatchObject({
      overridden: true,
      drift: { router_version: "code-3", prompts: 0 },
    });
  });

  it("keeps a sample of the prompts, with what was decided", async () => {
    await router.route("first", origin("req_1"));
    await router.route("second", origin("req_2"));
    expect(kept).toEqual([
      {
        text: "first",
        id: "req_1",
        source: "live",
        expert: "code",
        cluster: "code",
        confidence: 0.8,
        reason: "best-match",
        router_version: "code-1",
      },
    ]);
  });
});

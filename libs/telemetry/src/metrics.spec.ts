import { describe, expect, it } from "vitest";
import { createMetrics } from "./metrics.js";

/** The names that outsiders rely on, with their labels. */
const promised = [
  'expert_router_queue_depth{expert="code",class="async"} 3',
  'expert_router_route_decisions_total{expert="code",reason="pinned"} 1',
  'expert_router_jobs_total{status="completed"} 1',
  'expert_router_tokens_total{expert="code",kind="completion"} 5',
  'expert_router_queue_wait_seconds_count{expert="code",class="async"} 1',
  'expert_router_ttft_seconds_count{expert="code"} 1',
];

describe("createMetrics", () => {
  it("exposes the promised names and labels", async () => {
    const metrics = createMetrics({ defaultMetrics: false });
    metrics.queueDepth.set({ expert: "code", class: "async" }, 3);
    metrics.routeDecisions.inc({ expert: "code", reason: "pinned" });
    metrics.jobs.inc({ status: "completed" });
    metrics.tokens.inc({ expert: "code", kind: "completion" }, 5);
    metrics.queueWaitSeconds.observe({ expert: "code", class: "async" }, 0.2);
    metrics.ttftSeconds.observe({ expert: "code" }, 0.2);
    const lines = (await metrics.registry.metrics()).split("\n");
    for (const line of promised) expect(lines).toContain(line);
  });

  it("gives every name the prefix, and durations the unit", async () => {
    const all = await createMetrics().registry.getMetricsAsJSON();
    expect(all.length).toBeGreaterThan(20);
    for (const { name, type } of all) {
      expect(name).toMatch(/^expert_router_/);
      // A probability has no unit.
      if (String(type) === "histogram") expect(name).toMatch(/_(seconds|confidence)$/);
    }
  });

  it("can be made twice in one process", () => {
    expect(() => [createMetrics(), createMetrics()]).not.toThrow();
  });
});

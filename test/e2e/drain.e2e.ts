import { newRequestId } from "@expert-router/contracts";
import { afterEach, describe, expect, it } from "vitest";
import { sseEvents } from "../support/sse.js";
import { TestSystem } from "../support/system.js";

let system: TestSystem | undefined;
afterEach(async () => {
  await system?.stop();
  system = undefined;
});

describe("an ingress that is told to end", () => {
  it("says so inside a stream that outlasts its patience, and exits by itself", async () => {
    // Two thirds of it, which open streams may use, are no whole number of milliseconds.
    const env = { DRAIN_TIMEOUT_MS: "5000" };
    system = await TestSystem.start({ experts: { code: ["code"] }, interTokenLatencyMs: 5, env });
    const ingress = system.ingresses[0]!.process;
    const response = await fetch(`${system.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        model: "code",
        stream: true,
        max_tokens: 20_000,
        messages: [{ role: "user", content: `Write a long program. ${newRequestId()}` }],
      }),
    });

    let toldAt = 0;
    const events: string[] = [];
    // A connection that is reset would make the loop throw.
    for await (const { data } of sseEvents(response)) {
      if (events.push(data) !== 20) continue;
      toldAt = performance.now();
      ingress.kill("SIGTERM");
    }
    expect(events).not.toContain("[DONE]");
    expect(events.length).toBeGreaterThan(100);
    expect(JSON.parse(events.at(-1)!)).toMatchObject({ error: { code: "shutting_down" } });
    expect(await ingress.exited()).toBe(0);
    expect(performance.now() - toldAt).toBeLessThan(10_000);
  });
});

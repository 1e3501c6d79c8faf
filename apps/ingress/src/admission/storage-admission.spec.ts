import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { waitFor } from "@expert-router/testing";
import { startIngress, type IngressFixture } from "../testing/ingress-fixture.js";

const body = { model: "code", messages: [{ role: "user", content: "x" }] };
const submission = { endpoint: "/v1/chat/completions", body };
const mb = 1_048_576;

let ingress: IngressFixture;
beforeEach(async () => {
  ingress = await startIngress({ maxQueued: 100 });
});
afterEach(() => ingress.close());

describe("admission", () => {
  it("counts bodies, and refuses a tenant that has stored too much until it expires", async () => {
    expect((await ingress.post("/v1/jobs", submission)).statusCode).toBe(202);
    expect(ingress.ports.stored.get("default")).toBe(JSON.stringify(submission).length);
    ingress.ports.stored.set("default", mb - 10);
    for (const [url, payload] of [
      ["/v1/jobs", submission],
      ["/v1/chat/completions", body],
    ] as const) {
      const refused = await ingress.post(url, payload);
      expect(refused.statusCode).toBe(429);
      expect(refused.headers["retry-after"]).toBe("90");
      expect(refused.json()).toMatchObject({ error: { code: "tenant_store_full" } });
    }
    expect(ingress.ports.queues.get("code")?.jobs).toHaveLength(1);
    ingress.ports.stored.clear();
    expect((await ingress.post("/v1/jobs", submission)).statusCode).toBe(202);
  });

  it.each([
    ["half of its machine", { usedBytes: 501, maxBytes: 0, machineBytes: 1_000 }],
    ["four fifths of its maxmemory", { usedBytes: 81, maxBytes: 100, machineBytes: 1_000 }],
  ])("refuses everybody while Redis uses more than %s", async (_bound, memory) => {
    expect((await ingress.post("/v1/jobs", submission)).statusCode).toBe(202);
    Object.assign(ingress.ports.memory, memory);
    const statuses = async (): Promise<number> => (await ingress.post("/v1/jobs", submission)).statusCode;
    await waitFor("the refusal", async () => (await statuses()) === 503, { intervalMs: 100 });
    const refused = await ingress.post("/v1/chat/completions", body);
    expect(refused.json()).toMatchObject({ error: { code: "store_full" } });
    expect(refused.headers["retry-after"]).toBe("5");
    ingress.ports.memory.usedBytes = memory.usedBytes - 2;
    await waitFor("room", async () => (await statuses()) === 202, { intervalMs: 300 });
  });
});

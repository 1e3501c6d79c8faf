import type { RequestId } from "@expert-router/contracts";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { startIngress, type IngressFixture } from "../testing/ingress-fixture.js";
import { LostJobs } from "./lost-jobs.js";

const submission = {
  endpoint: "/v1/chat/completions",
  body: { model: "code", messages: [{ role: "user", content: "x" }] },
};

let ingress: IngressFixture;
beforeEach(async () => {
  ingress = await startIngress({ maxQueued: 100 });
});
afterEach(() => ingress.close());

describe("a job whose queue entry is lost", () => {
  it("is put back on the queue that its record names, whoever else has noted it", async () => {
    const { id } = (await ingress.post("/v1/jobs", submission)).json<{ id: RequestId }>();
    const code = ingress.ports.queues.get("code")!;
    await code.remove(id);
    vi.spyOn(ingress.ports.openJobs, "due").mockResolvedValue([id]);
    const forgotten: [string, RequestId[]][] = [];
    vi.spyOn(ingress.ports.openJobs, "forget").mockImplementation(
      async (expert, ids) => void forgotten.push([expert, [...ids]]),
    );
    await ingress.app.get(LostJobs).sweep(Date.now());
    expect(code.jobs.map((job) => job.id)).toEqual([id]);
    expect(ingress.ports.queues.get("general")!.jobs).toEqual([]);
    expect(forgotten).toEqual([
      ["code", []],
      ["general", [id]],
    ]);
  });
});

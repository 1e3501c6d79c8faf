import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { trainOnLabels } from "@expert-router/classifier";
import { writeArtifact } from "./write-artifact.js";
import { ExpertRouter } from "./expert-router.js";
import { samplePrompts } from "./sample-prompts.fixture.js";

let artifact: string;
beforeAll(async () => {
  artifact = await mkdtemp(join(tmpdir(), "expert-router-"));
  await writeArtifact(join(artifact, "a"), trainOnLabels(samplePrompts(), { seed: 1 }));
  artifact = join(artifact, "a");
});
afterAll(() => rm(join(artifact, ".."), { recursive: true, force: true }));

const experts = [
  { id: "outdoors", domains: ["sailing"], clusters: [] },
  { id: "games", domains: ["chess"], clusters: [] },
  { id: "general", domains: [], clusters: [] },
];

describe("ExpertRouter", () => {
  it("routes texts and conversations", async () => {
    const router = await ExpertRouter.load({ artifact, experts, fallback: "general", threshold: 0.45 });
    expect(await router.route("raise the sail, drop the anchor")).toMatchObject({
      expert: "outdoors",
      cluster: "sailing",
      reason: "best-match",
      routerVersion: router.version,
    });
    expect(await router.route("butter and flour")).toMatchObject({
      expert: "general",
      cluster: "cooking",
      reason: "best-match",
    });
    const conversation = [
      { role: "user" as const, content: "butter and flour" },
      { role: "assistant" as const, content: "Bake it." },
      {
        role: "user" as const,
        content: "a gambit with the bishop and the rook: which endgame does the queen reach? ".repeat(4),
      },
    ];
    expect(await router.route(conversation)).toMatchObject({ expert: "games", reason: "best-match" });
    expect(await router.route("")).toMatchObject({ expert: "general", cluster: null, reason: "no-text" });
    await router.close();
  });

  it("prefers the generalist to a guess", async () => {
    const router = await ExpertRouter.load({ artifact, experts, fallback: "general", threshold: 0.999 });
    expect(await router.route("something else entirely")).toMatchObject({
      expert: "general",
      reason: "below-threshold",
    });
    await router.close();
  });

  it("needs no artifact for a single expert, and one for several", async () => {
    const router = await ExpertRouter.load({
      experts: experts.slice(2),
      fallback: "general",
      threshold: 0.45,
    });
    expect(await router.route("anything")).toMatchObject({
      expert: "general",
      reason: "single-expert",
      routerVersion: null,
    });
    await expect(ExpertRouter.load({ experts, fallback: "general", threshold: 0.45 })).rejects.toThrow(
      /3 experts need a router artifact/,
    );
  });

  it("refuses experts that the artifact does not fit", async () => {
    const wrong = [{ id: "general", domains: ["physics"], clusters: [] }];
    await expect(
      ExpertRouter.load({ artifact, experts: wrong, fallback: "general", threshold: 0.45 }),
    ).rejects.toMatchObject({ code: "policy_mismatch" });
  });
});

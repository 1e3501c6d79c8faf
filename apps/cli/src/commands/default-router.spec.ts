import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, it, vi } from "vitest";
import { ExpertRouter, readArtifact } from "@expert-router/embedder";
import { trainCommand } from "./train.js";

const repository = fileURLToPath(new URL("../../../../", import.meta.url));
const committed = join(repository, "routers/default");
const seeds = join(repository, "routers/seeds");
/** Sources whose licence forbids commercial use, or of which some part's does. */
const excluded = "alpaca,lima,consumer-contracts,sciq,legalbench";
/** Several of its sources forbid redistribution, so the data lies beside the repository, where it is there at all. */
const prompts = join(repository, "../shared/data/prompts-train.jsonl.gz");

const built = await mkdtemp(join(tmpdir(), "default-router-"));
afterAll(() => rm(built, { recursive: true, force: true }));

it("is verified and stays under 15 MB", async () => {
  const { manifest } = await readArtifact(committed);
  expect(manifest.experts).toHaveLength(14);
  expect(manifest.files["router.onnx"].bytes + manifest.files["vocabulary.bin"].bytes).toBeLessThan(
    15_000_000,
  );
});

it("routes plain prompts to the plain experts", async () => {
  const domains = (await readArtifact(committed)).manifest.experts.map((of) => of.name);
  const experts = domains.map((domain) => ({ id: domain, domains: [domain], clusters: [] }));
  const router = await ExpertRouter.load({
    artifact: committed,
    experts,
    fallback: "general",
    threshold: 0.45,
  });
  const expected: Record<string, string> = {
    "Write a Python function that merges two sorted lists.": "code",
    "Solve for x: 3x^2 - 5x + 2 = 0. Show every step.": "math",
    "My card payment was declined and I still have not received my new card. What should I do?": "support",
    "What is the recommended dose of ibuprofen for an adult patient with renal disease?": "medicine",
    "Write a short story about a dragon who is afraid of fire.": "creative",
  };
  for (const [prompt, expert] of Object.entries(expected))
    expect(await router.route(prompt), prompt).toMatchObject({ expert });
  await router.close();
});

it.skipIf(!existsSync(prompts))(
  "is what training gives, byte for byte",
  async () => {
    const quiet = [
      vi.spyOn(process.stdout, "write").mockReturnValue(true),
      vi.spyOn(process.stderr, "write").mockReturnValue(true),
    ];
    const args = [
      "--input",
      prompts,
      ...(await readdir(seeds)).sort().map((name) => join(seeds, name)),
      "--exclude-source",
      excluded,
      "--labels",
      "domain",
      "--output",
      join(built, "router"),
      "--seed",
      "1",
      "--no-report",
    ];
    await trainCommand().exitOverride().parseAsync(args, { from: "user" });
    for (const spy of quiet) spy.mockRestore();
    const names = await readdir(join(built, "router"));
    expect(names.sort()).toEqual((await readdir(committed)).filter((name) => name !== "report.html").sort());
    for (const name of names) {
      const [fresh, kept] = await Promise.all([
        readFile(join(built, "router", name)),
        readFile(join(committed, name)),
      ]);
      expect(
        fresh.equals(kept),
        `${name}: rebuild it with 'npx expert-router train' as docs/routing.md shows`,
      ).toBe(true);
    }
  },
  180_000,
);

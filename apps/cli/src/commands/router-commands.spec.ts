import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { evalCommand } from "./eval.js";
import { routeCommand } from "./route.js";
import { trainCommand } from "./train.js";

let root: string;
const at = (name: string): string => join(root, name);

/** Runs a command as the shell would; its output, or the message it ends with. */
async function run(command: Command, ...args: string[]): Promise<string> {
  let output = "";
  const write = vi
    .spyOn(process.stdout, "write")
    .mockImplementation((text) => ((output += String(text)), true));
  const quiet = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  try {
    await command.exitOverride().parseAsync(args, { from: "user" });
    return output;
  } finally {
    write.mockRestore();
    quiet.mockRestore();
  }
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "router-commands-"));
  const themes = {
    cooking: ["oven", "flour", "butter", "onion", "dough"],
    sailing: ["mast", "anchor", "keel", "rudder", "tide"],
  };
  const lines = Object.entries(themes).flatMap(([domain, words]) =>
    Array.from({ length: 40 }, (_, row) =>
      JSON.stringify({
        domain,
        source: `${domain}-${row % 2}`,
        text: `${words[row % 5]} with ${words[(row * 3 + 1) % 5]} ${row}`,
      }),
    ),
  );
  await writeFile(at("prompts.jsonl"), lines.join("\n"));
  await run(
    trainCommand(),
    "--input",
    at("prompts.jsonl"),
    "--labels",
    "domain",
    "--output",
    at("router"),
    "--seed",
    "3",
  );
});
afterAll(() => rm(root, { recursive: true, force: true }));

describe("train", () => {
  it("writes the same bytes for the same seed", async () => {
    await run(trainCommand(), "--input", at("prompts.jsonl"), "--output", at("again"), "--seed", "3");
    for (const name of await readdir(at("router")))
      expect(await readFile(join(at("again"), name))).toEqual(await readFile(join(at("router"), name)));
  });

  it("leaves the old artifact alone when the input is bad", async () => {
    const before = await readFile(join(at("router"), "router.json"));
    await writeFile(at("bad.jsonl"), '{"text":"x","domain":"y"}\n{');
    await expect(run(trainCommand(), "--input", at("bad.jsonl"), "--output", at("router"))).rejects.toThrow(
      /bad\.jsonl:2: not JSON/,
    );
    expect(await readFile(join(at("router"), "router.json"))).toEqual(before);
  });

  it("says what is not there yet", async () => {
    const args = ["--input", at("prompts.jsonl"), "--output", at("x"), "--embedder", "onnx:minilm"];
    await expect(run(trainCommand(), ...args)).rejects.toThrow(/not available yet/);
    await expect(
      run(trainCommand(), "--input", "a.jsonl", "--output", "b", "--clusters", "1"),
    ).rejects.toThrow(/whole number from 2/);
  });
});

describe("eval", () => {
  it("prints exactly the object that programs read", async () => {
    const report = JSON.parse(
      await run(evalCommand(), "--router", at("router"), "--input", at("prompts.jsonl"), "--json"),
    ) as Record<string, unknown>;
    expect(Object.keys(report)).toEqual([
      "n",
      "accuracy",
      "macro_f1",
      "per_class",
      "confusion",
      "coverage_at",
      "classify_us",
      "prompts_per_s",
    ]);
    expect(report).toMatchObject({
      n: 80,
      accuracy: 1,
      macro_f1: 1,
      confusion: { cooking: { cooking: 40 } },
    });
    expect(report["classify_us"]).toEqual({ p50: expect.any(Number), p99: expect.any(Number) });
  });

  it("judges clusters by the commonest domain of each", async () => {
    await run(trainCommand(), "--input", at("prompts.jsonl"), "--output", at("clusters"), "--clusters", "2");
    const table = await run(evalCommand(), "--router", at("clusters"), "--input", at("prompts.jsonl"));
    expect(table).toMatch(/80 prompts: accuracy/);
    expect(table).toMatch(/cooking +40/);
  });

  it("refuses labels that the artifact does not know", async () => {
    await writeFile(at("other.jsonl"), '{"text":"x","domain":"chess"}');
    await expect(run(evalCommand(), "--router", at("router"), "--input", at("other.jsonl"))).rejects.toThrow(
      /cannot tell 'chess', it knows cooking, sailing/,
    );
  });
});

describe("route", () => {
  it("shows the decision", async () => {
    const json = JSON.parse(
      await run(routeCommand(), "--router", at("router"), "drop the anchor", "--json"),
    ) as Record<string, unknown>;
    expect(Object.keys(json).sort()).toEqual([
      "candidates",
      "cluster",
      "confidence",
      "expert",
      "explanation",
      "reason",
      "router_version",
    ]);
    expect(json).toMatchObject({ expert: "sailing", cluster: "sailing", reason: "best-match" });
    expect(await run(routeCommand(), "--router", at("router"), "butter and flour")).toMatch(
      /^cooking \(best-match.*\ncooking answers: .* points ahead of sailing; .*\.\n→ cooking/,
    );
  });

  it("says where no artifact is", async () => {
    await expect(run(routeCommand(), "--router", at("nowhere"), "x")).rejects.toThrow(
      /no router artifact at .*nowhere/,
    );
  });
});

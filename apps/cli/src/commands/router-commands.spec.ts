import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { evalCommand } from "./eval.js";
import type { EvaluationReport } from "./evaluation-report.js";
import { routeCommand } from "./route.js";
import { runCommand as run, themeLines } from "./run-command.fixture.js";
import { trainCommand } from "./train.js";

let root: string;
const at = (name: string): string => join(root, name);

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "router-commands-"));
  await writeFile(at("prompts.jsonl"), themeLines().join("\n"));
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
    const names = (await readdir(at("router"))).filter((name) => name !== "report.html");
    for (const name of names)
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

  it("says which encoder it cannot use", async () => {
    const args = ["--input", at("prompts.jsonl"), "--output", at("x"), "--embedder", "onnx:minilm"];
    await expect(run(trainCommand(), ...args)).rejects.toThrow(/no encoder at .*minilm/);
    args[args.length - 1] = "word2vec";
    await expect(run(trainCommand(), ...args)).rejects.toThrow(/neither tfidf nor onnx:DIR/);
    args.push("--clusters", "4");
    args[args.indexOf("word2vec")] = "onnx:minilm";
    await expect(run(trainCommand(), ...args)).rejects.toThrow(/built-in features/);
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
      "macro_recall",
      "top2_accuracy",
      "brier",
      "calibration",
      "coverage_curve",
      "per_source",
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
    await run(
      trainCommand(),
      "--input",
      at("prompts.jsonl"),
      "--output",
      at("clusters"),
      "--clusters",
      "2",
      "--labels",
      "none",
    );
    const table = await run(evalCommand(), "--router", at("clusters"), "--input", at("prompts.jsonl"));
    expect(table).toMatch(/80 prompts: accuracy/);
    expect(table).toMatch(/cooking +40/);
  });

  it("compares two routers prompt by prompt", async () => {
    const args = ["--router", at("router"), "--input", at("prompts.jsonl"), "--against", at("router")];
    const report = JSON.parse(await run(evalCommand(), ...args, "--json")) as EvaluationReport;
    const counts = { both_right: 80, only_first: 0, only_second: 0, both_wrong: 0 };
    expect(report.against).toMatchObject({ accuracy: 1, ...counts, p: 1 });
    expect(await run(evalCommand(), ...args)).toMatch(/both right 80, only this one 0, .* p = 1 \(McNemar\)/);
  });

  it("judges experts by a threshold", async () => {
    await writeFile(
      at("vague.jsonl"),
      '{"text":"xyzzy","domain":"cooking"}\n{"text":"the keel, the mast","domain":"sailing"}',
    );
    const args = ["--router", at("router"), "--input", at("vague.jsonl")];
    const report = JSON.parse(
      await run(evalCommand(), ...args, "--threshold", "0.8", "--json"),
    ) as EvaluationReport;
    // The generalist is none of the two domains, so what it answers for want of confidence is wrong.
    expect(report.routing).toEqual({
      threshold: 0.8,
      generalist: "general",
      expert_accuracy: 0.5,
      generalist_share: 0.5,
      below_threshold: 0.5,
      accuracy_above: 1,
    });
    expect(await run(evalCommand(), ...args, "--threshold", "0")).toMatch(
      /experts, threshold 0: .* reach an expert of their domain; 0\.0 % go to 'general'/,
    );
    await expect(run(evalCommand(), ...args, "--threshold", "2")).rejects.toThrow(/from 0 to 1/);
  });

  it("measures robustness, the same for the same seed", async () => {
    const args = [
      "--router",
      at("router"),
      "--input",
      at("prompts.jsonl"),
      "--robustness",
      "--robustness-prompts",
      "30",
    ];
    const first = JSON.parse(await run(evalCommand(), ...args, "--json")) as EvaluationReport;
    const again = JSON.parse(await run(evalCommand(), ...args, "--json")) as EvaluationReport;
    expect(first.robustness).toEqual(again.robustness);
    expect(first.robustness!.prompts).toBe(30);
    expect(first.robustness!.perturbations["lower case"]).toMatchObject({ n: 0 });
    expect(first.robustness!.perturbations["upper case"]).toMatchObject({
      n: 30,
      accuracy_before: 1,
      accuracy_after: 1,
    });
    expect(first.robustness!.no_domain.kinds["emoji"]!.n).toBe(200);
    expect(await run(evalCommand(), ...args)).toMatch(/robustness, 30 prompts, seed 1\nchanged by +prompts/);
  });

  it("asks for domains, in the prompts and in the artifact", async () => {
    await writeFile(at("bare.jsonl"), '{"text":"x"}');
    await expect(run(evalCommand(), "--router", at("router"), "--input", at("bare.jsonl"))).rejects.toThrow(
      /bare\.jsonl:1: domain: missing/,
    );
    const bare = themeLines().map((line) =>
      JSON.stringify({ text: (JSON.parse(line) as { text: string }).text }),
    );
    await writeFile(at("unlabelled.jsonl"), bare.join("\n"));
    await run(trainCommand(), "--input", at("unlabelled.jsonl"), "--output", at("bare"), "--clusters", "2");
    await expect(run(evalCommand(), "--router", at("bare"), "--input", at("prompts.jsonl"))).rejects.toThrow(
      /bare: its clusters stand for no domain/,
    );
  });

  it("refuses labels that the artifact does not know", async () => {
    await writeFile(at("other.jsonl"), '{"text":"x","domain":"chess"}');
    await expect(run(evalCommand(), "--router", at("router"), "--input", at("other.jsonl"))).rejects.toThrow(
      /other\.jsonl:1: the artifact .* cannot tell 'chess', it knows cooking, sailing/,
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

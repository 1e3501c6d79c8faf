import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { waitFor } from "@expert-router/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Child } from "../support/child.js";
import { TestSystem } from "../support/system.js";

const program = "apps/cli/bin/expert-router.mjs";
const folder = mkdtempSync(join(tmpdir(), "expert-router-command-"));
let system: TestSystem;

beforeAll(async () => {
  system = await TestSystem.start({ timeToFirstTokenMs: 0, interTokenLatencyMs: 3 });
});
afterAll(async () => {
  await system?.stop();
  rmSync(folder, { recursive: true, force: true });
});

function start(...args: string[]): Child {
  return Child.node("batch", program, { args: [...args, "--url", system.url] });
}

async function run(...args: string[]): Promise<{ code: number | null; log: string }> {
  const child = start(...args);
  const code = await child.exited();
  return { code, log: child.log };
}

function customIds(path: string): string[] {
  const lines = readFileSync(path, "utf8").trimEnd().split("\n");
  return lines.map((line) => (JSON.parse(line) as { custom_id: string }).custom_id);
}

describe("expert-router batch", () => {
  it("runs a table, writes the answers in its order, and tells what failed", async () => {
    const [input, output] = [join(folder, "table.csv"), join(folder, "table.jsonl")];
    writeFileSync(
      input,
      `id,prompt\n${Array.from({ length: 30 }, (_, i) => `row-${i},"Question, ${i}"`).join("\n")}\n`,
    );
    const { code, log } = await run("batch", "run", input, "-o", output, "--ordered", "--max-tokens", "4");
    expect(code, log).toBe(0);
    expect(log).toContain("30 of 30 answered");
    expect(customIds(output)).toEqual(Array.from({ length: 30 }, (_, i) => `row-${i}`));
    expect(existsSync(`${output}.run`)).toBe(false);
    const again = await run("batch", "run", input, "-o", output);
    expect(again.code).toBe(2);
    expect(again.log).toContain("table.jsonl is there already");
    expect(customIds(output)).toHaveLength(30);
  });

  it("tells the lines that failed, and leaves them beside the answers", async () => {
    const [input, output] = [join(folder, "mixed.jsonl"), join(folder, "mixed-out.jsonl")];
    const line = (id: string, temperature: number) =>
      JSON.stringify({
        custom_id: id,
        method: "POST",
        url: "/v1/chat/completions",
        body: { model: "auto", max_tokens: 2, temperature, messages: [{ role: "user", content: "Hi" }] },
      });
    writeFileSync(input, [line("good", 1), line("bad", 9)].join("\n"));
    const { code, log } = await run("batch", "run", input, "-o", output);
    expect(code).toBe(1);
    expect(log).toContain("1 of 2 prompts failed");
    expect(customIds(output)).toEqual(["good"]);
    expect(customIds(join(folder, "mixed-out.errors.jsonl"))).toEqual(["bad"]);
  });

  it("says why a file cannot be run", async () => {
    const input = join(folder, "unknown.txt");
    writeFileSync(input, "Hello\n");
    const { code, log } = await run(
      "batch",
      "run",
      input,
      "-o",
      join(folder, "none.jsonl"),
      "--model",
      "none",
    );
    expect(code).toBe(2);
    expect(log).toContain("line 1: model_not_found");
  });

  it("goes on with its batch after Ctrl-C and after a crash, and runs nothing twice", async () => {
    const [input, output] = [join(folder, "long.txt"), join(folder, "long.jsonl")];
    writeFileSync(input, Array.from({ length: 20 }, (_, i) => `Question ${i}`).join("\n"));
    const args = ["batch", "run", input, "-o", output, "--model", "code", "--max-tokens", "1500"];
    const ids: string[] = [];
    for (const signal of ["SIGINT", "SIGKILL"] as const) {
      const child = start(...args);
      await waitFor("it runs", async () => child.log.includes("batch_"), { timeoutMs: 20_000 });
      ids.push(/batch_\w+/.exec(child.log)![0]);
      child.kill(signal);
      expect(await child.exited()).toBe(signal === "SIGINT" ? 130 : null);
      if (signal === "SIGINT") expect(child.log).toMatch(/batch_\S+ goes on at the ingress/);
    }
    const { code, log } = await run(...args);
    expect(code, log).toBe(0);
    ids.push(/batch_\w+/.exec(log)![0]);
    expect(new Set(ids).size).toBe(1);
    expect(customIds(output).sort()).toEqual(Array.from({ length: 20 }, (_, i) => `line-${i + 1}`).sort());
    const { log: list } = await run("batch", "list");
    expect(list).toContain(ids[0]!);
    const { log: shown } = await run("batch", "status", ids[0]!, "--json");
    expect(JSON.parse(shown)).toMatchObject({ status: "completed", request_counts: { completed: 20 } });
    const { log: downloaded } = await run("batch", "download", ids[0]!, "--errors");
    expect(downloaded).toBe("");
    const { output_file_id: fileId } = JSON.parse(shown) as { output_file_id: string };
    await fetch(`${system.url}/v1/files/${fileId}`, { method: "DELETE" });
    const gone = await run("batch", "download", ids[0]!, "-o", join(folder, "gone.jsonl"));
    expect(gone.code).toBe(1);
    expect(gone.log).toContain("file_not_found");
    expect(existsSync(join(folder, "gone.jsonl"))).toBe(false);
  });
});

describe("expert-router jobs and watch", () => {
  it("list, follow, show and cancel", async () => {
    const submitted = await run("submit", "Write a Python function.", "--json");
    const { id } = JSON.parse(submitted.log) as { id: string };
    const watched = await run("watch", id);
    expect(watched.code, watched.log).toBe(0);
    const shown = JSON.parse((await run("jobs", "show", id)).log) as {
      response: { choices: { message: { content: string } }[] };
    };
    expect(watched.log.trim()).toBe(shown.response.choices[0]!.message.content.trim());
    expect((await run("jobs", "list", "--status", "completed")).log).toContain(id);
    const cancelled = await run("jobs", "cancel", id);
    expect(cancelled.code).toBe(1);
    expect(cancelled.log).toContain("job_already_finished");
  });
});

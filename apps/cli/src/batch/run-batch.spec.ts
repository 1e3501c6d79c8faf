import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { spawnSync } from "node:child_process";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FakeIngress, refuse } from "./fake-ingress.fixture.js";
import { runBatch, type BatchRunOptions, type BatchRunResult } from "./run-batch.js";
import { readRunState } from "./run-state.js";

let folder: string;
let ingress: FakeIngress;
let output: string;
let input: string;
/** What a run said. */
let said: string[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "expert-router-run-"));
  [input, output, said] = [join(folder, "prompts.txt"), join(folder, "answers.jsonl"), []];
  writeFileSync(input, "Hello\nBye\n");
  ingress = await FakeIngress.start();
});
afterEach(() => {
  ingress.stop();
  rmSync(folder, { recursive: true, force: true });
});

const answers = ["line-2", "line-1"].map((id) => `{"custom_id":"${id}"}\n`).join("");

function run(options: Partial<BatchRunOptions> = {}): Promise<BatchRunResult> {
  const signal = options.signal ?? new AbortController().signal;
  return runBatch({
    input,
    output,
    format: "text",
    endpoint: "/v1/chat/completions",
    ordered: false,
    overwrite: false,
    say: (line) => said.push(line),
    onProgress: () => undefined,
    pollMs: 5,
    ...options,
    signal,
    ingress: options.ingress ?? { url: ingress.url, signal },
  });
}

/** A run whose batch ends as soon as it is looked at. */
function runToEnd(options: Partial<BatchRunOptions> = {}, ...files: [string?, string?]) {
  const [out = answers, errors] = files;
  return run({ onProgress: () => ingress.end(out, errors), ...options });
}

/** Interrupts a run when the ingress is asked for `route`, which it takes in but does not answer. */
async function interruptAt(route: string): Promise<void> {
  const controller = new AbortController();
  ingress.interfere = (asked) => {
    if (asked !== route) return false;
    controller.abort();
    return true;
  };
  await expect(run({ signal: controller.signal })).rejects.toThrow(/abort/i);
  ingress.interfere = () => false;
}

describe("runBatch: where the output goes", () => {
  it("writes over nothing unless told to, and leaves no errors of an earlier run", async () => {
    const errors = join(folder, "answers.errors.jsonl");
    for (const path of [output, errors]) {
      writeFileSync(path, "precious");
      await expect(runToEnd()).rejects.toMatchObject({
        message: expect.stringContaining(`${path} is there already`),
        exitCode: 2,
      });
      expect(readFileSync(path, "utf8")).toBe("precious");
      rmSync(path);
    }
    for (const path of [output, errors]) writeFileSync(path, "old");
    await runToEnd({ overwrite: true });
    expect(readFileSync(output, "utf8")).toBe(answers);
    expect(readdirSync(folder).sort()).toEqual(["answers.jsonl", "prompts.txt"]);
  });

  it("never writes over its input", async () => {
    for (const [from, to] of [
      [input, input],
      [join(folder, "mine.errors.jsonl"), join(folder, "mine.jsonl")],
    ] as const) {
      writeFileSync(from, "Hello\n");
      await expect(runToEnd({ input: from, output: to, overwrite: true })).rejects.toThrow("is the input");
      expect(readFileSync(from, "utf8")).toBe("Hello\n");
    }
  });

  it("touches no other file, whatever its name", async () => {
    const others = ["input.jsonl", "part", "input.jsonl.part", "new"].map((ending) => `${output}.${ending}`);
    for (const path of others) writeFileSync(path, "precious\n");
    await runToEnd({ input: others[0]!, ordered: true });
    expect(others.map((path) => readFileSync(path, "utf8"))).toEqual(others.map(() => "precious\n"));
    expect(readdirSync(folder)).toHaveLength(2 + others.length);
  });

  it("writes over nothing that came while the batch ran", async () => {
    const appear = () => {
      ingress.end(answers);
      writeFileSync(output, "precious");
    };
    for (let times = 0; times < 2; times++) {
      await expect(run({ onProgress: appear })).rejects.toThrow("is there already");
      expect(readFileSync(output, "utf8")).toBe("precious");
    }
    await runToEnd({ overwrite: true });
    expect(said).toContain("goes on with batch_1");
    expect(readFileSync(output, "utf8")).toBe(answers);
  });

  it("says where nothing can be written before anything is asked", async () => {
    mkdirSync(join(folder, "answers"));
    for (const [path, problem] of [
      ["", "--output names no file"],
      [join(folder, "none", "answers.jsonl"), "there is no such folder"],
      [join(input, "answers.jsonl"), "is no folder"],
      [join(folder, "answers"), "is no file"],
      [join(folder, "x".repeat(250)), "name too long"],
      [join(folder, "x".repeat(300), "answers"), "name too long"],
    ] as const)
      await expect(runToEnd({ output: path })).rejects.toMatchObject({
        message: expect.stringContaining(problem),
        exitCode: 2,
      });
    expect(ingress.asked).toEqual([]);
  });

  it("takes a state that it cannot read for a reason to ask", async () => {
    writeFileSync(`${output}.run`, "{");
    await expect(runToEnd()).rejects.toThrow("answers.jsonl.run is no state of a run");
    expect(ingress.asked).toEqual([]);
  });
});

describe("runBatch: two at once", () => {
  it("do not write to one output", async () => {
    const second: Promise<unknown>[] = [];
    const begun = () => {
      second.push(runToEnd({ overwrite: true }).catch((error: unknown) => error));
      ingress.end(answers);
    };
    await run({ onProgress: begun });
    expect(await second[0]).toMatchObject({ exitCode: 2, message: expect.stringContaining("another run") });
    expect(ingress.batches).toHaveLength(1);
    expect(readdirSync(folder).sort()).toEqual(["answers.jsonl", "prompts.txt"]);
  });

  it("do not write to one error file", async () => {
    let second: Promise<unknown> = Promise.resolve();
    const begun = () => {
      second = runToEnd({ output: join(folder, "answers") }).catch((error: unknown) => error);
      ingress.end(answers);
    };
    await run({ onProgress: begun });
    expect(await second).toMatchObject({ message: expect.stringContaining("answers.errors.jsonl.lock") });
    expect(readdirSync(folder).sort()).toEqual(["answers.jsonl", "prompts.txt"]);
  });

  it.each([
    ["a process that is no more", () => `${spawnSync("true").pid} ${hostname()}`, true],
    ["a container with the same process number", () => `${process.pid} ${hostname()}`, true],
    ["a process that lives", () => `1 ${hostname()}`, false],
    ["a process of another machine", () => "1 another", false],
    ["nobody knows whom", () => "precious", false],
    ["somebody who is writing it", () => "", false],
  ])("the lock of %s", async (_, holder, isTaken) => {
    writeFileSync(`${output}.lock`, holder());
    if (isTaken) await runToEnd();
    else await expect(runToEnd()).rejects.toThrow(`${output}.lock`);
    expect(existsSync(`${output}.lock`)).toBe(!isTaken);
    expect(existsSync(output)).toBe(isTaken);
  });
});

describe("runBatch: interrupted", () => {
  it("goes on with its batch, over answers that are there, once it has begun", async () => {
    writeFileSync(output, "old");
    const controller = new AbortController();
    const cut = run({ overwrite: true, onProgress: () => controller.abort(), signal: controller.signal });
    await expect(cut).rejects.toThrow(/abort/i);
    await runToEnd();
    expect(ingress.batches).toHaveLength(1);
    expect(said).toContain("goes on with batch_1");
    expect(readFileSync(output, "utf8")).toBe(answers);
    expect(existsSync(`${output}.run`)).toBe(false);
  });

  it.each(["Hello\nBye\n", "Something else\n"])("in an upload: begins, then with %j", async (text) => {
    await interruptAt("POST /v1/files");
    expect(readdirSync(folder).sort()).toEqual(["answers.jsonl.run", "prompts.txt"]);
    const isSame = readFileSync(input, "utf8") === text;
    writeFileSync(input, text);
    await runToEnd();
    expect(ingress.batches).toHaveLength(1);
    // The file that may be there already is not stored twice.
    expect(ingress.uploadKeys).toHaveLength(2);
    expect(new Set(ingress.uploadKeys).size).toBe(isSame ? 1 : 2);
  });

  it("writes over what it may have written itself", async () => {
    ingress.interfere = (route, response) =>
      route === "GET /v1/files/batch_1-errors/content" && refuse(response, 400, "odd");
    await expect(runToEnd({}, answers, "{}\n")).rejects.toThrow("odd");
    expect(readFileSync(output, "utf8")).toBe(answers);
    ingress.interfere = () => false;
    await runToEnd({}, answers, "{}\n");
    expect(ingress.batches).toHaveLength(1);
    expect(readdirSync(folder).sort()).toEqual(["answers.errors.jsonl", "answers.jsonl", "prompts.txt"]);
  });

  it("finds the batch again whose creation was not answered", async () => {
    await interruptAt("POST /v1/batches");
    expect(readRunState(output)).toMatchObject({ run: ingress.batches[0]!.metadata!["expert_router_run"] });
    const [own] = ingress.batches;
    ingress.batches.push(
      ...Array.from({ length: 250 }, (_, i) => ({ ...own!, id: `other_${i}`, metadata: null })),
    );
    await run({ onProgress: () => Object.assign(own!, { status: "expired" }) });
    expect(said).toContain("goes on with batch_1");
    expect(ingress.batches).toHaveLength(251);
  });

  it("runs nothing under a state of other input", async () => {
    await interruptAt("GET /v1/batches/batch_1");
    writeFileSync(input, "Something else\n");
    await expect(runToEnd()).rejects.toThrow(
      /is of batch_1, which was begun with other input[^]*batch cancel batch_1/,
    );
    expect(ingress.batches).toHaveLength(1);
  });

  it("runs nothing under a state of another ingress, however it is written", async () => {
    await interruptAt("GET /v1/batches/batch_1");
    const signal = new AbortController().signal;
    const at = (url: string) => runToEnd({ ingress: { url, signal } });
    await expect(at("http://127.0.0.1:1")).rejects.toThrow(
      `is of a run at ${ingress.url}; go on with it by --url`,
    );
    await at(`${ingress.url}/`);
    expect(ingress.batches).toHaveLength(1);
  });
});

describe("runBatch: an ingress with trouble", () => {
  it("is asked again while it is away, in the midst of an answer too", async () => {
    const troubles: string[] = [];
    ingress.interfere = (route, response) => {
      const first = !troubles.includes(route);
      if (!route.startsWith("GET") || !first) return false;
      troubles.push(route);
      if (route.startsWith("GET /v1/batches")) return refuse(response, 503, "starting");
      response.writeHead(200, { "content-length": 1_000 }).write(answers);
      setTimeout(() => response.destroy(), 20);
      return true;
    };
    let looks = 0;
    await run({ onProgress: () => (looks++ > 0 ? ingress.end(answers) : undefined) });
    expect(readFileSync(output, "utf8")).toBe(answers);
    expect(troubles).toHaveLength(2);
    expect(said.filter((line) => line.includes("tries again"))).toHaveLength(2);
    expect(readdirSync(folder).sort()).toEqual(["answers.jsonl", "prompts.txt"]);
  });

  it("is not asked again for what it has no more", async () => {
    ingress.interfere = (route, response) =>
      route.startsWith("GET /v1/files/") && refuse(response, 404, "file_not_found");
    await expect(runToEnd()).rejects.toThrow(/batch_1 completed, but its output was deleted or expired/);
    expect(readdirSync(folder)).toEqual(["prompts.txt"]);
  });

  it("that refuses the batch leaves nothing that a mended input would stumble over", async () => {
    ingress.interfere = (route, response) =>
      route === "POST /v1/batches" && refuse(response, 401, "invalid_api_key");
    await expect(runToEnd()).rejects.toThrow("invalid_api_key: so it is");
    expect(readdirSync(folder)).toEqual(["prompts.txt"]);
  });

  it("is known by its JSON", async () => {
    ingress.interfere = (_, response) => (response.end("<html>"), true);
    await expect(runToEnd()).rejects.toThrow("it is no ingress of Expert Router");
  });
});

it("names lines of the input when the ingress finds faults in what was made of it", async () => {
  const table = 'prompt\n\n"Hello\nyou"\nBye\n';
  writeFileSync(input, table);
  const errors = [2, null].map((line) => ({ code: "c", line, message: "m", param: null }));
  const fail = () =>
    Object.assign(ingress.batches[0]!, { status: "failed", errors: { object: "list", data: errors } });
  const { batch } = await run({ format: "csv", onProgress: fail });
  expect(batch.errors!.data.map(({ line }) => line)).toEqual([5, null]);
});

it("puts answers in order, and errors beside them", async () => {
  const { errorsPath } = await runToEnd({ ordered: true }, answers, '{"custom_id":"line-3"}\n');
  expect(readFileSync(output, "utf8")).toBe('{"custom_id":"line-1"}\n{"custom_id":"line-2"}\n');
  expect(readFileSync(errorsPath!, "utf8")).toBe('{"custom_id":"line-3"}\n');
});

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { orderOutput, saveOutput } from "./save-output.js";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "expert-router-save-"));
  path = join(folder, "answers.jsonl");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function* body(failure?: Error): AsyncGenerator<Uint8Array> {
  yield Buffer.from("new");
  if (failure !== undefined) throw failure;
}

describe("saveOutput", () => {
  it("leaves what was there where not all comes, and says why", async () => {
    writeFileSync(path, "old");
    await expect(saveOutput(body(new Error("cut off")), path)).rejects.toThrow(/^cut off$/);
    expect(readFileSync(path, "utf8")).toBe("old");
    expect(readdirSync(folder)).toEqual(["answers.jsonl"]);
    await saveOutput(body(), path);
    expect(readFileSync(path, "utf8")).toBe("new");
  });

  it("names the file that cannot be written", async () => {
    const nowhere = join(folder, "none", "answers.jsonl");
    await expect(saveOutput(body(), nowhere)).rejects.toMatchObject({
      name: "CommandFailure",
      message: expect.stringMatching(/answers.jsonl cannot be written: ENOENT/),
    });
  });
});

describe("orderOutput", () => {
  const line = (id: string, answer: string) => `{"custom_id":"${id}","answer":"${answer}"}`;

  it("keeps every byte of every line, and lines of ids that nobody asked for", async () => {
    const lines = [line("c", "a\u2028b\u0085ü"), line("other", "x"), `${line("b", "x")}\r`, line("a", "")];
    writeFileSync(path, lines.join("\n"));
    await orderOutput(path, ["a", "none", "b", "c"]);
    const ordered = [lines[3], lines[2], lines[0], lines[1]];
    expect(readFileSync(path, "utf8")).toBe(ordered.map((text) => `${text}\n`).join(""));
    expect(readdirSync(folder)).toEqual(["answers.jsonl"]);
  });

  it("leaves a file as it is that it does not understand", async () => {
    writeFileSync(path, `${line("a", "")}\nnonsense\n`);
    await expect(orderOutput(path, ["a"])).rejects.toMatchObject({
      name: "CommandFailure",
      message: expect.stringContaining("cannot be put in order"),
    });
    expect(readFileSync(path, "utf8")).toContain("nonsense");
    expect(readdirSync(folder)).toEqual(["answers.jsonl"]);
  });
});

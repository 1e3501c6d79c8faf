import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LogFile } from "./log-file.js";
import { SupervisedChild, type ChildPlan } from "./supervised-child.js";

let folder: string;
let program: string;
let lines: string[];
let child: SupervisedChild | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "expert-router-child-"));
  program = join(folder, "child.mjs");
  lines = [];
});

afterEach(() => {
  child?.kill();
  rmSync(folder, { recursive: true, force: true });
});

/** A child that runs `code`. */
function supervised(code: string, plan: Partial<ChildPlan> = {}): SupervisedChild {
  writeFileSync(program, code);
  child = new SupervisedChild({
    name: "part",
    program,
    command: () => ({ args: [], env: {} }),
    log: new LogFile(join(folder, "part.log")),
    say: (line) => lines.push(line),
    onGivenUp: () => undefined,
    ...plan,
  });
  child.start();
  return child;
}

const sayReady = `process.on("disconnect", () => process.exit()); process.send({ type: "ready", url: process.argv[2] });`;

describe("SupervisedChild", () => {
  it("tries a child that is given up again and again, and tells of it in full once", async () => {
    const mended = join(folder, "mended");
    const onGivenUp = vi.fn<ChildPlan["onGivenUp"]>();
    const code = `import { existsSync } from "node:fs";
      if (existsSync(${JSON.stringify(mended)})) { ${sayReady} } else process.exit(2);`;
    const part = supervised(code, { onGivenUp, retryAfterMs: 100 });
    expect(await part.settled).toBe(false);
    await vi.waitFor(() => expect(lines.length).toBeGreaterThanOrEqual(2), 5_000);
    expect(onGivenUp).toHaveBeenCalledTimes(1);
    expect(lines[0]).toBe("part ended with exit code 2 and is given up; it is tried again every 0.1 s");
    appendFileSync(mended, "");
    await vi.waitFor(() => expect(lines).toContain("part runs again"), 5_000);
  });

  it("gives up for good what nothing can go on without", async () => {
    const starts = join(folder, "starts");
    const code = `import { appendFileSync } from "node:fs"; appendFileSync(${JSON.stringify(starts)}, "x"); process.exit(2);`;
    const part = supervised(code);
    expect(await part.settled).toBe(false);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(existsSync(starts) && readFileSync(starts, "utf8")).toBe("x");
    expect(lines).toEqual(["part ended with exit code 2 and is given up"]);
  });

  it("starts anew with what its command is by then, which is no crash", async () => {
    let url = "a";
    const urls: (string | undefined)[] = [];
    const part = supervised(sayReady, {
      command: () => ({ args: [url], env: {} }),
      onReady: (heard) => urls.push(heard),
    });
    expect(await part.settled).toBe(true);
    url = "b";
    part.restart();
    await vi.waitFor(() => expect(urls).toEqual(["a", "b"]), 5_000);
    expect(lines).toEqual([]);
  });
});

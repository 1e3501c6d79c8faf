import { fork, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FolderInUseError, lockFolder } from "./folder-lock.js";
import { identifyProcess } from "./living-process.js";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "expert-router-lock-"));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("lockFolder", () => {
  it("refuses a second caller until the first gives it back", () => {
    const first = lockFolder(folder, "a");
    expect(() => lockFolder(folder, "a")).toThrow(FolderInUseError);
    expect(() => lockFolder(folder, "a")).toThrow(`process ${process.pid} uses ${folder} already`);
    lockFolder(folder, "b").release();
    first.release();
    first.release();
    const second = lockFolder(folder, "a");
    first.release();
    expect(() => lockFolder(folder, "a")).toThrow(FolderInUseError);
    second.release();
  });

  it("takes over from a process that is gone, and from one whose number another process has got", async () => {
    const gone = spawn("true");
    await once(gone, "exit");
    const mine = identifyProcess(process.pid);
    for (const holder of [{ pid: gone.pid, startedAt: "1" }, { ...mine, startedAt: "1" }, "no holder"]) {
      writeFileSync(join(folder, "a.lock.41"), JSON.stringify(holder));
      lockFolder(folder, "a").release();
      expect(readdirSync(folder)).toEqual(["a.lock.42"]);
      rmSync(join(folder, "a.lock.42"));
    }
  });

  it("lets exactly one of several processes take over a stale lock", async () => {
    const program = join(folder, "claim.mjs");
    mkdirSync(join(folder, "data"));
    writeFileSync(join(folder, "data", "a.lock.1"), "released");
    // Processes of their own cannot run TypeScript, so this is the build that `npm test` has just made.
    const source = fileURLToPath(new URL("../dist/folder-lock.js", import.meta.url));
    writeFileSync(
      program,
      `import { lockFolder } from ${JSON.stringify(source)};
       process.on("message", (at) => {
         while (Date.now() < at);
         try { lockFolder(${JSON.stringify(join(folder, "data"))}, "a"); process.send("got"); } catch { process.send("refused"); }
       });
       process.send("here");`,
    );
    const children: ChildProcess[] = Array.from({ length: 6 }, () => fork(program));
    await Promise.all(children.map((child) => once(child, "message")));
    const answers = Promise.all(
      children.map(async (child) => ((await once(child, "message")) as unknown[])[0]),
    );
    for (const child of children) child.send(Date.now() + 50);
    expect((await answers).filter((answer) => answer === "got")).toHaveLength(1);
    for (const child of children) child.kill("SIGKILL");
  });
});

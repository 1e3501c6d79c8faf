import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { spawnWatchdog } from "./redis-watchdog.js";

let folder: string;
let guarded: ChildProcess;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "expert-router-watchdog-"));
  guarded = spawn("sleep", ["60"]);
});

afterEach(() => {
  guarded.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

function watchdogOf(ownerPid: number, notedOwnerPid: number) {
  const note = join(folder, "server.json");
  const redisPid = guarded.pid ?? 0;
  writeFileSync(note, `${JSON.stringify({ redisPid, port: 1, ownerPid: notedOwnerPid })}\n`);
  return spawnWatchdog({ note, redisPid, ownerPid, graceS: 0 });
}

describe("the watchdog", () => {
  it("ends the guarded process once its owner is gone", async () => {
    const ended = once(guarded, "exit");
    watchdogOf(42, 42).stdin.end();
    expect(await ended).toEqual([null, "SIGTERM"]);
  });

  it("leaves it alone after another owner has adopted it", async () => {
    const watchdog = watchdogOf(42, 421);
    watchdog.stdin.end();
    await once(watchdog, "exit");
    expect(guarded.exitCode ?? guarded.signalCode).toBeNull();
    expect(guarded.killed).toBe(false);
    process.kill(guarded.pid ?? 0, 0);
  });
});

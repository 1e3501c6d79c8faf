import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findFreePort, waitFor } from "@expert-router/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const program = fileURLToPath(new URL("../../apps/cli/bin/expert-router.mjs", import.meta.url));

let folder: string;
let port: number;
let up: ChildProcess;
let output: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "expert-router-up-"));
  port = await findFreePort();
  const engine = `{ kind: sim, url: "http://127.0.0.1:${await findFreePort()}", model: simulated-only }`;
  writeFileSync(
    join(folder, "expert-router.yaml"),
    `fallback: only\nexperts: [{ id: only, engine: ${engine} }]\n`,
  );
  output = "";
  const env = {
    ...process.env,
    PORT: String(port),
    EXPERT_ROUTER_DATA_DIR: join(folder, "data"),
    REDIS_URL: "",
  };
  up = spawn(process.execPath, [program, "up"], { cwd: folder, env, detached: true });
  up.stdout?.on("data", (text) => (output += String(text)));
  up.stderr?.on("data", (text) => (output += String(text)));
  await waitFor("up to be ready", () => /ready after/.test(output), { timeoutMs: 45_000 }).catch(
    (error: unknown) => {
      throw new Error(`${String(error)}\n${output}`);
    },
  );
});

afterEach(async () => {
  if (up.exitCode === null && up.signalCode === null) up.kill("SIGKILL");
  await waitFor("everything to end", () => family().length === 0, { timeoutMs: 20_000 });
  rmSync(folder, { recursive: true, force: true });
});

/** Processes that have this test's folder in their command line or environment, Redis and the watchdog included. */
function family(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== up.pid)
    .filter((pid) => ["cmdline", "environ"].some((file) => readProc(pid, file).includes(folder)))
    .map(Number);
}

function readProc(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}

async function ask(): Promise<number> {
  const body = JSON.stringify({
    model: "auto",
    max_tokens: 5,
    messages: [{ role: "user", content: "Hello" }],
  });
  const headers = { "content-type": "application/json" };
  return (await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, { method: "POST", headers, body }))
    .status;
}

// The ports are found free before they are bound, so another process can take one in between: a second try.
describe.runIf(process.platform === "linux")("expert-router up", { retry: 1 }, () => {
  it("answers, starts a killed worker again, and ends without leaving a process", async () => {
    expect(await ask()).toBe(200);
    const worker = family().find((pid) => readProc(String(pid), "cmdline").endsWith("worker\0"));
    process.kill(worker ?? 0, "SIGKILL");
    await waitFor("the restart to be announced", () => output.includes("worker-only was ended by SIGKILL"));
    expect(await ask()).toBe(200);

    const startedAt = performance.now();
    // As the terminal does it: to the whole process group.
    process.kill(-(up.pid ?? 0), "SIGINT");
    expect(await once(up, "exit")).toEqual([0, null]);
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    await waitFor("the last process to end", () => family().length === 0, { timeoutMs: 2_000 });
  });

  it("refuses a second system on its data folder, and lives on", async () => {
    const env = {
      ...process.env,
      PORT: String(await findFreePort()),
      EXPERT_ROUTER_DATA_DIR: join(folder, "data"),
    };
    const second = spawn(process.execPath, [program, "up"], { cwd: folder, env: { ...env, REDIS_URL: "" } });
    let complaint = "";
    second.stderr.on("data", (text) => (complaint += String(text)));
    expect(await once(second, "close")).toEqual([1, null]);
    expect(complaint).toContain(`already running here (pid ${up.pid})`);
    expect(await ask()).toBe(200);
  });

  it("leaves nothing behind when it is killed itself", async () => {
    up.kill("SIGKILL");
    await once(up, "exit");
    await waitFor("every process to end", () => family().length === 0, { timeoutMs: 25_000 });
    expect(family()).toEqual([]);
  });
});

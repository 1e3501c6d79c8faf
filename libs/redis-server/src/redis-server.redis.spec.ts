import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findFreePort, isPortFree } from "./free-port.js";
import { FolderInUseError } from "./folder-lock.js";
import { findKeptRedis, keepRedis } from "./kept-redis.js";
import { provideRedisBinary } from "./redis-binary.js";
import { askRedis } from "./redis-probe.js";
import { startRedisServer, type RedisServer } from "./redis-server.js";

let folder: string;
let binary: string;
const running: RedisServer[] = [];

beforeEach(async () => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "expert-router-redis-")));
  binary = await provideRedisBinary(() => undefined);
});

afterEach(async () => {
  for (const server of running.splice(0)) server.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

function tracked<Server extends RedisServer>(server: Server): Server {
  running.push(server);
  return server;
}

describe("startRedisServer", () => {
  it("starts on a free port with the settings BullMQ needs, and stops", async () => {
    const server = tracked(await startRedisServer({ binary, folder, durable: true }));
    const setting = (name: string) => askRedis(server.port, `CONFIG GET ${name}`);
    expect(await setting("maxmemory-policy")).toContain("noeviction");
    expect(await setting("appendonly")).toContain("yes");
    expect(await setting("appendfsync")).toContain("everysec");
    expect(await setting("bind")).toContain("127.0.0.1");
    expect(await setting("save")).toBe("*2\r\n$4\r\nsave\r\n$0\r\n\r\n");
    await server.stop();
    expect(await askRedis(server.port, "PING")).toBeUndefined();
    expect(await isPortFree(server.port)).toBe(true);
  });

  it("says why it did not start", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as { port: number };
    await expect(startRedisServer({ binary, folder, durable: false, port })).rejects.toThrow(
      "Address already in use",
    );
    taken.close();
  });

  it("stops a Redis that does not react", async () => {
    const server = tracked(await startRedisServer({ binary, folder, durable: false }));
    server.kill("SIGSTOP");
    await server.stop(200);
    expect(await isPortFree(server.port)).toBe(true);
  });
});

describe("keepRedis", () => {
  it("keeps what was written over a restart", async () => {
    const first = tracked(await keepRedis({ binary, folder }));
    expect(await askRedis(first.port, "SET a 1")).toBe("+OK\r\n");
    await first.stop();
    const second = tracked(await keepRedis({ binary, folder }));
    expect(second.adopted).toBe(false);
    expect(await askRedis(second.port, "GET a")).toContain("1");
  });

  it("adopts the Redis of an owner that was killed, and can stop it", async () => {
    const orphan = tracked(await startRedisServer({ binary, folder, durable: true, detached: true }));
    const gone = spawn("true");
    await once(gone, "exit");
    writeFileSync(
      join(folder, "server.json"),
      JSON.stringify({ redisPid: orphan.pid, port: orphan.port, ownerPid: gone.pid }),
    );
    const kept = tracked(await keepRedis({ binary, folder }));
    expect(kept).toMatchObject({ adopted: true, pid: orphan.pid, port: orphan.port });
    await kept.stop();
    await kept.exited;
    await orphan.exited;
  });

  it("is told of by its folder while it runs", async () => {
    expect(await findKeptRedis(folder)).toBeUndefined();
    const kept = tracked(await keepRedis({ binary, folder }));
    expect(await findKeptRedis(folder)).toEqual({ url: kept.url, pid: kept.pid });
    await kept.stop();
    expect(await findKeptRedis(folder)).toBeUndefined();
  });

  it("refuses a folder whose owner lives", async () => {
    const server = tracked(await startRedisServer({ binary, folder, durable: true }));
    const note = { redisPid: server.pid, port: server.port, ownerPid: process.ppid };
    writeFileSync(join(folder, "server.json"), JSON.stringify(note));
    await expect(keepRedis({ binary, folder }).then(tracked)).rejects.toThrow(FolderInUseError);
  });

  it("starts one Redis for two callers at once, and can start it again after it crashed", async () => {
    const outcomes = await Promise.allSettled(
      [0, 1].map(async () => tracked(await keepRedis({ binary, folder }))),
    );
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    expect(outcomes.find(({ status }) => status === "rejected")).toMatchObject({
      reason: expect.any(FolderInUseError) as unknown,
    });
    const [kept] = running;
    kept?.kill("SIGKILL");
    await kept?.exited;
    const again = tracked(await keepRedis({ binary, folder }));
    expect(again.adopted).toBe(false);
    await again.stop();
  });

  it("is not misled by a note about something else", async () => {
    for (const note of [
      "",
      "{}",
      JSON.stringify({ redisPid: process.pid, port: await findFreePort(), ownerPid: 1 }),
    ]) {
      writeFileSync(join(folder, "server.json"), note);
      const kept = tracked(await keepRedis({ binary, folder }));
      expect(kept.adopted, note).toBe(false);
      await kept.stop();
    }
  });
});

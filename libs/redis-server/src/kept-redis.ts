import { readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { FolderInUseError, lockFolder, type FolderLock } from "./folder-lock.js";
import { hasProcess } from "./living-process.js";
import { askRedis } from "./redis-probe.js";
import { startRedisServer, type RedisServer, type RedisServerOptions } from "./redis-server.js";
import { endAfterOwner } from "./redis-watchdog.js";

/** Who runs on a data folder. */
interface Occupant {
  readonly redisPid: number;
  readonly port: number;
  /** The process that started it. */
  readonly ownerPid: number;
}

export interface KeptRedis extends RedisServer {
  /** It was left over by a process that was killed, and goes on as ours. */
  readonly adopted: boolean;
}

/**
 * The one durable Redis of a folder. A Redis that outlived its owner is adopted, because two must never write one
 * append-only file, and because whoever still drains needs it.
 * @throws FolderInUseError while another keeper lives, be it another caller of this process.
 */
export async function keepRedis(
  options: Omit<RedisServerOptions, "durable" | "detached">,
): Promise<KeptRedis> {
  // The lock is taken before anything is read, because whoever finds the folder free starts a Redis on it.
  const lock = lockFolder(options.folder, "keeper");
  try {
    return await keepLocked(options, lock);
  } catch (error) {
    lock.release();
    throw error;
  }
}

async function keepLocked(
  options: Omit<RedisServerOptions, "durable" | "detached">,
  lock: FolderLock,
): Promise<KeptRedis> {
  const note = notePath(options.folder);
  const occupant = await livingOccupant(note, options.folder);
  if (occupant !== undefined && occupant.ownerPid !== process.pid && hasProcess(occupant.ownerPid)) {
    throw new FolderInUseError(options.folder, occupant.ownerPid);
  }
  const server =
    occupant === undefined
      ? await startRedisServer({ ...options, durable: true, detached: true })
      : adopt(occupant);
  writeNote(note, { redisPid: server.pid, port: server.port, ownerPid: process.pid });
  const watchdog = endAfterOwner({ note, redisPid: server.pid, ownerPid: process.pid });
  // A Redis that ended by itself may be started again.
  const exited = server.exited.then(() => lock.release());
  return {
    ...server,
    exited,
    adopted: occupant !== undefined,
    stop: async (graceMs) => {
      watchdog.dismiss();
      await server.stop(graceMs);
      rmSync(note, { force: true });
      lock.release();
    },
  };
}

/** The Redis that runs on `folder` at this moment, whoever owns it. */
export async function findKeptRedis(
  folder: string,
): Promise<{ readonly url: string; readonly pid: number } | undefined> {
  const occupant = await livingOccupant(notePath(folder), folder);
  return occupant && { url: `redis://127.0.0.1:${occupant.port}`, pid: occupant.redisPid };
}

function notePath(folder: string): string {
  return join(folder, "server.json");
}

/** The Redis that the note tells of, if it still runs, and on this folder: process ids and ports are reused. */
async function livingOccupant(note: string, folder: string): Promise<Occupant | undefined> {
  const occupant = readNote(note);
  if (occupant === undefined || !hasProcess(occupant.redisPid)) return undefined;
  const info = await askRedis(occupant.port, "INFO server", 2_000);
  if (info?.includes(`process_id:${occupant.redisPid}\r\n`) !== true) return undefined;
  const dir = await askRedis(occupant.port, "CONFIG GET dir", 2_000);
  return dir?.includes(`\r\n${realpathSync(folder)}\r\n`) === true ? occupant : undefined;
}

/** It is no child of this process, so its end shows only by looking. */
function adopt({ redisPid, port }: Occupant): RedisServer {
  const exited = (async () => {
    while (hasProcess(redisPid)) await sleep(200, undefined, { ref: false });
  })();
  const kill = (signal: NodeJS.Signals): void => {
    if (hasProcess(redisPid)) process.kill(redisPid, signal);
  };
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    pid: redisPid,
    exited,
    kill,
    stop: async (graceMs = 5_000) => {
      kill("SIGTERM");
      const deadline = Date.now() + graceMs;
      while (hasProcess(redisPid)) {
        if (Date.now() > deadline) kill("SIGKILL");
        await sleep(20);
      }
    },
  };
}

function readNote(path: string): Occupant | undefined {
  try {
    const note = JSON.parse(readFileSync(path, "utf8")) as Partial<Occupant>;
    const { redisPid, port, ownerPid } = note;
    const whole = [redisPid, port, ownerPid].every((value) => Number.isInteger(value) && Number(value) > 0);
    return whole ? (note as Occupant) : undefined;
  } catch {
    // No note, or one cut off by a crash: nothing is known of an occupant.
    return undefined;
  }
}

function writeNote(path: string, occupant: Occupant): void {
  writeFileSync(path, `${JSON.stringify(occupant)}\n`);
}

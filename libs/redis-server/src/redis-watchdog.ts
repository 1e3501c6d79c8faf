import { spawn, type ChildProcessByStdio } from "node:child_process";
import type { Socket } from "node:net";
import type { Writable } from "node:stream";

/** Processes that drain after their parent was killed need Redis for this long. */
const graceS = 12;

/**
 * Reads until its standard input ends, which is when the owner is gone, however it went. The note tells whether another
 * owner has adopted the Redis meanwhile.
 */
const script = `cat >/dev/null; sleep "$4"; grep -q "\\"ownerPid\\":$1}" "$2" && kill -TERM "$3"`;

export interface WatchdogOptions {
  /** The file that names the owner. */
  readonly note: string;
  readonly redisPid: number;
  readonly ownerPid: number;
  /** Seconds between the owner's end and that of Redis. */
  readonly graceS?: number;
}

export interface Watchdog {
  /** The owner ends Redis itself. */
  dismiss(): void;
}

/** Ends a Redis after its owner (this process) was killed, which can do nothing about it any more. */
export function endAfterOwner(options: WatchdogOptions): Watchdog {
  const shell = spawnWatchdog(options);
  shell.unref();
  (shell.stdin as Socket).unref();
  return { dismiss: () => void shell.kill("SIGKILL") };
}

/** The watchdog's process. The end of its standard input is the end of the owner. */
export function spawnWatchdog({
  note,
  redisPid,
  ownerPid,
  ...options
}: WatchdogOptions): ChildProcessByStdio<Writable, null, null> {
  const args = [ownerPid, note, redisPid, options.graceS ?? graceS].map(String);
  const shell = spawn("sh", ["-c", script, "sh", ...args], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  // Without a shell there is no watchdog, and the next start adopts the Redis instead.
  shell.on("error", () => undefined);
  shell.stdin.on("error", () => undefined);
  return shell;
}

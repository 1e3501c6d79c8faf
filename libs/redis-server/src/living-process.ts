import { execFileSync, type StdioOptions } from "node:child_process";
import { readFileSync } from "node:fs";

/** A process that can be told from a later one with the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in the system's own words; empty where the system does not tell. */
  readonly startedAt: string;
}

/** Identity of a living process; undefined if there is none with this number, or only its unread exit code is left. */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  if (!hasProcess(pid)) return undefined;
  return process.platform === "linux" ? fromProc(pid) : fromPs(pid);
}

/** Whether this very process lives, not just one that got its number. */
export function isLiving({ pid, startedAt }: ProcessIdentity): boolean {
  const now = identifyProcess(pid);
  return now !== undefined && (now.startedAt === startedAt || now.startedAt === "" || startedAt === "");
}

/** Whether there is a process with this number, even one that ended and whose exit code nobody has read. */
export function hasProcess(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** proc(5): the name in parentheses may hold anything; behind it follow the state and, as field 22, the start in ticks. */
function fromProc(pid: number): ProcessIdentity | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? undefined : { pid, startedAt: fields[19] ?? "" };
  } catch (error) {
    const gone = ["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "");
    return gone && hasProc() ? undefined : { pid, startedAt: "" };
  }
}

/** A container may come without /proc. */
function hasProc(): boolean {
  try {
    return readFileSync("/proc/self/stat").length > 0;
  } catch {
    return false;
  }
}

function fromPs(pid: number): ProcessIdentity {
  try {
    // The same words for whoever asks, whatever their language and time zone.
    const args = ["LC_ALL=C", "TZ=UTC", "ps", "-o", "lstart=", "-p", String(pid)];
    const stdio: StdioOptions = ["ignore", "pipe", "ignore"];
    return { pid, startedAt: execFileSync("env", args, { encoding: "utf8", stdio }).trim() };
  } catch {
    return { pid, startedAt: "" };
  }
}

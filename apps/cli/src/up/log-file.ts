import { copyFileSync, mkdirSync, openSync, readFileSync, statSync, truncateSync } from "node:fs";
import { dirname } from "node:path";

/** Beyond it the file moves to `.1` and begins anew: two of them is the most that one child can fill. */
const maxBytes = 20 * 1024 * 1024;

/** Where the output of one child goes. */
export class LogFile {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
    mkdirSync(dirname(path), { recursive: true });
  }

  /** A descriptor to append with; whoever opens it closes it. */
  open(): number {
    this.rotate();
    return openSync(this.path, "a");
  }

  /** The file stays the same one, because a running child holds it open. */
  rotate(): void {
    if ((statSync(this.path, { throwIfNoEntry: false })?.size ?? 0) <= maxBytes) return;
    copyFileSync(this.path, `${this.path}.1`);
    truncateSync(this.path);
  }

  /** The last `count` lines, for an error message. */
  tail(count: number): string {
    return readFileSync(this.path, "utf8").trimEnd().split("\n").slice(-count).join("\n");
  }
}

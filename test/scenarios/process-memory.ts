import { readFileSync } from "node:fs";

/** Resident memory of a process in MB. */
export function residentMb(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(match?.[1]) / 1_024;
}

/** One look at the memory of several processes. */
export interface MemorySample {
  /** Since the watch began. */
  readonly atS: number;
  readonly mb: Readonly<Record<string, number>>;
}

/** Looks once a second at the memory of processes by name, until it is stopped. */
export function watchMemory(pids: Readonly<Record<string, number>>): {
  readonly samples: readonly MemorySample[];
  readonly stop: () => void;
} {
  const samples: MemorySample[] = [];
  const fromMs = performance.now();
  const look = (): void => {
    const mb = Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, residentMb(pid)]));
    samples.push({ atS: (performance.now() - fromMs) / 1_000, mb });
  };
  look();
  const timer = setInterval(look, 1_000);
  return { samples, stop: () => clearInterval(timer) };
}

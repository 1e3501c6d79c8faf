import { faultKinds, type FaultKind } from "./fault-kinds.js";
import type { RoundResult } from "./round.js";
import type { Violation } from "./verdict.js";

/** What a run came to; the same numbers that are printed. */
export interface Summary {
  readonly rounds: number;
  readonly requests: number;
  readonly accepted: number;
  readonly completed: number;
  readonly cancelled: number;
  /** Clients that left on purpose. */
  readonly left: number;
  /** Connections that broke with their ingress. */
  readonly broken: number;
  /** Failed with an error that a fault explains, after they were accepted. */
  readonly failed: Readonly<Record<string, number>>;
  readonly refused: Readonly<Record<string, number>>;
  readonly lost: number;
  readonly duplicated: number;
  readonly otherViolations: number;
  readonly reruns: number;
  readonly orphans: number;
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>;
  readonly recoveryMs: Readonly<Partial<Record<FaultKind, { median: number; worst: number; of: number }>>>;
}

/** Adds rounds up. */
export function summarise(results: readonly RoundResult[]): Summary {
  const traces = results.flatMap((result) => result.traces);
  const violations = results.flatMap((result) => result.violations);
  const endings = (type: string): number => traces.filter(({ ending }) => ending?.type === type).length;
  const isLoss = ({ type }: Violation): boolean => type === "lost" || type === "no-end";
  return {
    rounds: results.length,
    requests: traces.length,
    accepted: traces.filter(({ accepted }) => accepted).length,
    completed: endings("completed"),
    cancelled: endings("cancelled"),
    left: endings("left"),
    broken: endings("broken"),
    failed: codes(results, "failed"),
    refused: codes(results, "refused"),
    lost: violations.filter(isLoss).length,
    duplicated: violations.filter(({ type }) => type === "repeated").length,
    otherViolations: violations.filter((each) => !isLoss(each) && each.type !== "repeated").length,
    reruns: sum(results.map(({ reruns }) => reruns)),
    orphans: sum(results.map(({ orphans }) => orphans)),
    faults: count(results.flatMap(({ faults }) => faults.map(({ kind }) => kind))),
    recoveryMs: recoveries(results),
  };
}

/** One line for a round, and one for each thing that was wrong in it. */
export function roundLines(result: RoundResult, replay: string): string[] {
  const { round, faults, traces, violations, recoveryMs, durationMs, reruns } = result;
  const told = (type: string): number => traces.filter(({ ending }) => ending?.type === type).length;
  const line = [
    `round ${String(round).padStart(3)}`,
    `${(durationMs / 1_000).toFixed(1)} s`,
    faults.map(({ kind, words }) => `${kind} (${words})`).join(" + "),
    `${traces.length} requests, ${told("completed")} completed, ${told("failed")} failed, ${told("refused")} refused`,
    `${reruns} re-run`,
    recoveryMs === undefined ? "no wait" : `next token after ${Math.round(recoveryMs)} ms`,
    violations.length === 0 ? "ok" : `${violations.length} VIOLATIONS`,
  ].join(" · ");
  const complaints = violations.map(({ type, words, evidence }) => `  ${type}: ${words}\n      ${evidence}`);
  return violations.length === 0 ? [line] : [line, ...complaints, `  replay: ${replay}`];
}

/** The table at the end. */
export function summaryLines(summary: Summary): string[] {
  const list = (counts: Readonly<Record<string, number>>): string =>
    Object.entries(counts)
      .map(([code, times]) => `${code} ${times}`)
      .join(", ") || "none";
  return [
    "",
    "| fault | injected | waited for in | next token, median (ms) | worst (ms) |",
    "| --- | ---: | ---: | ---: | ---: |",
    ...faultKinds
      .filter((kind) => summary.faults[kind] !== undefined)
      .map((kind) => {
        const recovery = summary.recoveryMs[kind];
        const cells = recovery ? [recovery.of, recovery.median, recovery.worst] : ["0", "–", "–"];
        return `| ${kind} | ${summary.faults[kind]} | ${cells.join(" | ")} |`;
      }),
    "",
    `requests ${summary.requests}, accepted ${summary.accepted}, completed ${summary.completed}, cancelled ${summary.cancelled}, ` +
      `left by their client ${summary.left}, cut off with their ingress ${summary.broken}`,
    `failed after they were accepted: ${list(summary.failed)}`,
    `refused: ${list(summary.refused)}`,
    `attempts run again ${summary.reruns}, never accepted and without an end ${summary.orphans}`,
    `lost ${summary.lost}, duplicated ${summary.duplicated}, other violations ${summary.otherViolations}`,
  ];
}

/** Median of numbers, one of the two middle ones if they are even. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

function codes(results: readonly RoundResult[], type: "failed" | "refused"): Record<string, number> {
  return count(
    results.flatMap(({ traces }) =>
      traces.flatMap(({ ending }) => (ending?.type === type ? [(ending as { code: string }).code] : [])),
    ),
  );
}

function recoveries(results: readonly RoundResult[]): Summary["recoveryMs"] {
  const found: Summary["recoveryMs"] = {};
  for (const kind of faultKinds) {
    const waits = results.flatMap(({ faults, recoveryMs }) =>
      faults.length === 1 && faults[0]?.kind === kind && recoveryMs !== undefined
        ? [Math.round(recoveryMs)]
        : [],
    );
    if (waits.length === 0) continue;
    Object.assign(found, { [kind]: { median: median(waits), worst: Math.max(...waits), of: waits.length } });
  }
  return found;
}

function count<Name extends string>(names: readonly Name[]): Record<Name, number> {
  const counts = {} as Record<Name, number>;
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

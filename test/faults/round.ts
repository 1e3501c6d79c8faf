import { setTimeout as sleep } from "node:timers/promises";
import type { RequestId } from "@expert-router/contracts";
import { drawAsks } from "./ask.js";
import { play } from "./clients.js";
import { Dice } from "./dice.js";
import { drawFault, faultKinds, type Fault, type FaultKind } from "./fault-kinds.js";
import type { FaultedSystem } from "./faulted-system.js";
import { allRequestIds, auditLog, type AuditRedis, type AuditedLog } from "./log-audit.js";
import type { Trace } from "./trace.js";
import { judge, type Violation } from "./verdict.js";

/** What one round came to. */
export interface RoundResult {
  readonly round: number;
  readonly faults: readonly { readonly kind: FaultKind; readonly words: string }[];
  readonly traces: readonly Trace[];
  readonly violations: readonly Violation[];
  /** Attempts beyond the first of a request. */
  readonly reruns: number;
  /** Requests that nobody was promised anything about, and that never end. */
  readonly orphans: number;
  /** Longest wait of a reader for the next token, of rounds with one fault; undefined if nobody had to wait. */
  readonly recoveryMs: number | undefined;
  readonly durationMs: number;
}

export interface RoundOptions {
  readonly seed: number;
  readonly round: number;
  readonly only: readonly FaultKind[];
}

const requestsPerRound = 48;
/** Every log is closed this long after its client has gone. */
const closingMs = 20_000;
/** A pause of this length is not of this machine's making. */
const noticeableMs = 300;

/** Runs one round: load, faults in its middle, quiet, and the audit. */
export async function runRound(
  system: FaultedSystem,
  redis: AuditRedis,
  options: RoundOptions,
): Promise<RoundResult> {
  const { seed, round } = options;
  const startedAtMs = performance.now();
  const before = await allRequestIds(redis);
  const faults = drawFaults(Dice.of(seed, round, 0), system, options.only);
  const kinds = faults.map(({ kind }) => kind);
  const asks = drawAsks(Dice.of(seed, round, 1), {
    round,
    count: requestsPerRound,
    overMs: 2_000,
    experts: system.experts,
    ingresses: system.ingresses.length,
    engineFaultShare: kinds.includes("engine-faults") ? 0.33 : 0,
  });
  const pids = system.ingresses.map(({ process }) => process.pid);
  const injected = faults.map(async (fault) => {
    await sleep(fault.atMs);
    return fault.inject();
  });
  const traces = asks.map(async (ask) => {
    await sleep(ask.atMs);
    return play(ask, (index) => system.url(index));
  });
  const [recoverFromMs, played] = await Promise.all([Promise.all(injected), Promise.all(traces)]);
  await system.healthy();
  const killedIngresses = new Set(
    pids.flatMap((pid, index) => (system.ingresses[index]?.process.pid === pid ? [] : [index])),
  );
  const logs = await closedLogs(redis, before);
  const violations = played.flatMap((trace) =>
    judge(trace, logs.get(trace.id as RequestId), { kinds, killedIngresses }),
  );
  const known = new Set(played.filter(({ accepted }) => accepted).map(({ id }) => id));
  const strangers = [...logs.values()].filter(({ id }) => !known.has(id));
  violations.push(...strangers.flatMap((log) => judgeStranger(log, played)));
  return {
    round,
    faults: faults.map(({ kind, words }) => ({ kind, words })),
    traces: played,
    violations,
    reruns: [...logs.values()].reduce((sum, { openings }) => sum + Math.max(0, openings - 1), 0),
    orphans: strangers.filter(({ terminal }) => terminal === undefined).length,
    recoveryMs:
      faults.length === 1 ? longestWaitMs(played, startedAtMs, recoverFromMs[0] as number) : undefined,
    durationMs: performance.now() - startedAtMs,
  };
}

function drawFaults(dice: Dice, system: FaultedSystem, only: readonly FaultKind[]): Fault[] {
  const count = dice.pick([1, 1, 1, 1, 1, 1, 2, 2, 2, 3]);
  const kinds = only.length > 0 ? only : faultKinds;
  return dice.some(kinds, count).map((kind) => drawFault(kind, dice, system));
}

/** The logs that this round has made, once all of them are closed, or as they are when that takes too long. */
async function closedLogs(
  redis: AuditRedis,
  before: ReadonlySet<RequestId>,
): Promise<Map<RequestId, AuditedLog>> {
  const logs = new Map<RequestId, AuditedLog>();
  for (const deadline = performance.now() + closingMs; ; await sleep(50)) {
    for (const id of await allRequestIds(redis)) {
      if (!before.has(id) && logs.get(id)?.terminal === undefined) logs.set(id, await auditLog(redis, id));
    }
    const open = [...logs.values()].some(({ terminal }) => terminal === undefined);
    if (!open || performance.now() > deadline) return logs;
  }
}

/** A request whose client never learned its id, or was refused: its log has to be sound all the same. */
function judgeStranger(log: AuditedLog, traces: readonly Trace[]): Violation[] {
  const evidence = [log.id, ...log.entries].join("\n      ");
  const found: Violation[] = log.problems.map((words) => ({ type: "wrong", words, evidence }));
  const fits = traces.some(({ ask, accepted }) => !accepted && ask.expected.startsWith(log.text));
  if (!fits) found.push({ type: "changed", words: "a log holds the answer to no question", evidence });
  return found;
}

/** The longest pause that the fault made in an answer under way, from the moment from which recovery counts. */
function longestWaitMs(traces: readonly Trace[], sinceMs: number, fromMs: number): number | undefined {
  let longest: number | undefined;
  for (const { pieces } of traces) {
    for (let i = 1; i < pieces.length; i++) {
      const [last, next] = [pieces[i - 1] as number, pieces[i] as number];
      if (last < sinceMs || last > fromMs + 500 || next < fromMs || next - last < noticeableMs) continue;
      longest = Math.max(longest ?? 0, next - Math.max(last, fromMs));
    }
  }
  return longest;
}

import { differenceOf } from "./expected-text.js";
import type { FaultKind } from "./fault-kinds.js";
import type { AuditedLog } from "./log-audit.js";
import type { Trace } from "./trace.js";

/** Something that may never happen, with what shows it. */
export interface Violation {
  readonly type: "lost" | "repeated" | "changed" | "no-end" | "wrong";
  readonly words: string;
  readonly evidence: string;
}

/** Attempts that a request has, as configured by default. */
export const maxAttempts = 3;

const redisFaults: readonly FaultKind[] = [
  "kill-redis",
  "stop-redis",
  "swallow-ingress",
  "swallow-worker",
  "cut-redis",
  "delay-redis",
];
const anyWorkerFault: readonly FaultKind[] = ["kill-worker", "stop-worker", "kill-engine", ...redisFaults];

/** Faults that explain an error; one that is not here is never right. */
const reasons: Readonly<Record<string, readonly FaultKind[]>> = {
  redis_unavailable: redisFaults,
  expert_unavailable: anyWorkerFault,
};

/** Errors that are right only once a request has used up all its attempts. */
const endOfAttempts = new Set([
  "attempts_exhausted",
  "engine_error",
  "engine_timeout",
  "engine_overloaded",
  "engine_protocol_error",
  "engine_unreachable",
]);

/** What happened in the round of a trace. */
export interface RoundFacts {
  readonly kinds: readonly FaultKind[];
  /** Ingresses that were killed, by index. */
  readonly killedIngresses: ReadonlySet<number>;
}

/** Checks one request: what its client saw, against what Redis has and what the simulator says. `log`: if its id is known. */
export function judge(trace: Trace, log: AuditedLog | undefined, facts: RoundFacts): Violation[] {
  const found: Violation[] = [];
  const { ask, ending } = trace;
  const add = (type: Violation["type"], words: string): void =>
    void found.push({ type, words, evidence: evidenceOf(trace, log) });

  const shown = differenceOf(trace.text, ask.expected, ending?.type === "completed");
  if (shown !== undefined) add(shown, `the client's text: ${shown}`);
  for (const problem of trace.problems) add("wrong", problem);
  if (ending === undefined) add("no-end", "the client still waits");
  if (ending?.type === "cancelled" && ask.act.type !== "cancel")
    add("wrong", "cancelled, though nobody asked");
  if (ending?.type === "broken" && !mayBreak(trace, facts)) add("lost", `broken off: ${ending.words}`);
  if (ending?.type === "failed" || ending?.type === "refused") {
    if (!isRight(ending.code, facts.kinds, log))
      add("wrong", `'${ending.code}' is not explained by any fault`);
  }
  if (log !== undefined) judgeLog(trace, log, add);
  else if (trace.accepted) add("lost", "Redis knows nothing of an accepted request");
  return found;
}

function judgeLog(
  trace: Trace,
  log: AuditedLog,
  add: (type: Violation["type"], words: string) => void,
): void {
  const { ask, ending } = trace;
  for (const problem of log.problems) add("wrong", `its log: ${problem}`);
  if (trace.accepted && log.status === undefined) add("lost", "Redis knows nothing of an accepted request");
  else if (trace.accepted && log.terminal === undefined) add("no-end", "its log has no end");
  const status = log.terminal?.status;
  const kept = differenceOf(log.text, ask.expected, status === "completed");
  if (kept !== undefined) add(kept, `the log's text: ${kept}`);
  // Attempts that an engine did not take in are not counted in the record.
  const most = maxAttempts + (log.terminal?.error?.code === "attempts_exhausted" ? 1 : 0);
  if (log.attempts > most) add("wrong", `${log.attempts} attempts, ${maxAttempts} are allowed`);
  if (!log.text.startsWith(trace.text)) add("changed", "the client saw what the log does not have");
  if (ending?.type === "completed" && status !== "completed")
    add("wrong", `the client was told 'completed', the log says '${status}'`);
  if (ending?.type === "cancelled" && status !== "cancelled")
    add("wrong", `the client was told 'cancelled', the log says '${status}'`);
}

/** A connection may break only with the ingress behind it; a job is read on through another one. */
function mayBreak({ ask, accepted }: Trace, { killedIngresses }: RoundFacts): boolean {
  return killedIngresses.has(ask.ingress) && (ask.kind !== "job" || !accepted);
}

function isRight(code: string, kinds: readonly FaultKind[], log: AuditedLog | undefined): boolean {
  if (endOfAttempts.has(code)) return (log?.attempts ?? 0) >= maxAttempts;
  return reasons[code]?.some((kind) => kinds.includes(kind)) ?? false;
}

function evidenceOf({ id, ask, ending, text, accepted }: Trace, log: AuditedLog | undefined): string {
  return [
    `${id ?? "(no id)"} ${ask.kind} to ${ask.model} by ingress ${ask.ingress}, ${ask.maxTokens} tokens, ` +
      `${ask.act.type} after ${ask.act.afterTokens}, engine fault ${ask.engineFault ?? "none"}`,
    `client: accepted ${accepted}, ${text.length} of ${ask.expected.length} characters, ` +
      `${JSON.stringify(ending)}, ends with ${JSON.stringify(text.slice(-60))}`,
    `log: ${log === undefined ? "not known" : `${log.status}, ${log.attempts} attempts, ${log.text.length} characters`}`,
    ...(log?.entries.filter((entry) => !entry.endsWith("deltas")) ?? []),
  ].join("\n      ");
}

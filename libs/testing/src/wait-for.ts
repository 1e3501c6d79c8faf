import { setTimeout as sleep } from "node:timers/promises";

export interface WaitOptions {
  readonly timeoutMs?: number;
  readonly intervalMs?: number;
}

/**
 * Asks until the answer is truthy, and answers it. An exception counts as "not yet".
 * @throws Error naming `what` and the last exception, once `timeoutMs` (5 s) have passed.
 */
export async function waitFor<Value>(
  what: string,
  ask: () => Value | Promise<Value>,
  { timeoutMs = 5_000, intervalMs = 10 }: WaitOptions = {},
): Promise<NonNullable<Value>> {
  const deadline = performance.now() + timeoutMs;
  let cause: unknown;
  for (;;) {
    try {
      const answer = await ask();
      if (answer) return answer;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (performance.now() >= deadline) throw new Error(`waited ${timeoutMs} ms in vain: ${what}`, { cause });
    await sleep(intervalMs);
  }
}

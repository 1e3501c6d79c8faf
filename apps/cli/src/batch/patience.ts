import { setTimeout as sleep } from "node:timers/promises";
import { mayPass } from "../submit/ingress-client.js";

/** Longest time that the ingress may be away. */
const awayMs = 600_000;

/** How {@link patiently} waits. */
export interface Patience {
  readonly pauseMs: number;
  readonly signal: AbortSignal;
  /** Hears once why it has to be waited. */
  readonly say: (line: string) => void;
}

/** Asks again and again while the ingress is away, for ten minutes. @throws what `ask` throws otherwise, or at last. */
export async function patiently<Answer>(
  { pauseMs, signal, say }: Patience,
  ask: () => Promise<Answer>,
): Promise<Answer> {
  const untilMs = performance.now() + awayMs;
  for (let tries = 1; ; tries++) {
    try {
      return await ask();
    } catch (error) {
      if (!mayPass(error) || performance.now() > untilMs) throw error;
      if (tries === 1) say(`${(error as Error).message}; tries again for ${awayMs / 60_000} minutes`);
    }
    await sleep(pauseMs, undefined, { signal });
  }
}

import { CodedError, type RequestRecord } from "@expert-router/contracts";
import type { ExpertQueue } from "@expert-router/queue";
import type { ExpertLoad } from "../experts/expert-load.js";

/** When a request must have started, and when it must be over; Unix time in ms. */
export interface TimeBounds {
  readonly startByMs: number | undefined;
  readonly endByMs: number | undefined;
}

type Request = Pick<RequestRecord, "tenant" | "priorityClass" | "expectedTokens">;

/**
 * Refuses a request that could not be answered in time even if its tenant had its class for itself. What is not measured
 * refuses nobody. The queue is asked only where a request at the end of the whole class would be late.
 * @throws CodedError `deadline_unmeetable`
 */
export async function refuseUnmeetable(
  request: Request,
  bounds: TimeBounds,
  load: ExpertLoad,
  queue: ExpertQueue,
  nowMs: number,
): Promise<void> {
  const { priorityClass, expectedTokens, tenant } = request;
  const serviceS = load.serviceSOf(expectedTokens) ?? 0;
  const lateS = (waitS: number | null): number =>
    waitS === null
      ? 0
      : Math.max(
          bounds.startByMs === undefined ? 0 : waitS - (bounds.startByMs - nowMs) / 1_000,
          bounds.endByMs === undefined ? 0 : waitS + serviceS - (bounds.endByMs - nowMs) / 1_000,
        );
  if (lateS(load.waitS(priorityClass)) <= 0) return;
  const late = lateS(load.leastWaitS(priorityClass, await queue.waitingOf(tenant, priorityClass)));
  if (late <= 0) return;
  const message = `'${queue.expert}' could not answer in time: it would be about ${late.toFixed(1)} s late. Please try again later, or give it more time.`;
  throw new CodedError("deadline_unmeetable", message, { retryAfterS: Math.min(3_600, Math.max(1, late)) });
}

import { priorityClasses, type PriorityClass } from "@expert-router/contracts";
import { waitScaleS } from "./worth-of-waiting.js";

/** What one expert has to do. */
export interface ExpertDemand {
  readonly running: number;
  readonly waiting: Readonly<Record<PriorityClass, number>>;
  /** Mean seconds that a request is with an engine; undefined: not known. */
  readonly serviceS: number | undefined;
  /** Requests that one worker runs at once. */
  readonly concurrency: number;
}

/**
 * Workers that would run what runs, and start what waits within the wait that matters to its class:
 *
 *     places = running + Σ over classes of waiting · min(1, service time / target wait)
 *     workers = ceil(places / concurrency of a worker)
 *
 * A place serves target wait / service time requests in that time, and no request needs more than one place.
 */
export function desiredWorkers({ running, waiting, serviceS, concurrency }: ExpertDemand): number {
  let places = running;
  for (const name of priorityClasses) {
    const placesEach = serviceS === undefined ? 1 : Math.min(1, serviceS / waitScaleS[name]);
    places += waiting[name] * placesEach;
  }
  return Math.ceil(places / concurrency);
}

import type { PriorityClass } from "@expert-router/contracts";

/**
 * BullMQ priority of each class while it waits. Never 0, which would put a job into the plain list that holds what was handed back; the
 * order among waiting jobs is not BullMQ's, but a BullMQ worker would serve them by these numbers.
 */
export const bullmqPriorities: Readonly<Record<PriorityClass, number>> = {
  interactive: 1,
  async: 10,
  batch: 20,
};

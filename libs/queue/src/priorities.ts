import type { PriorityClass } from "@expert-router/contracts";

/**
 * BullMQ priority of each class. 0 is the plain waiting list, which is served before every other number; a smaller
 * number is served before a larger one.
 */
export const bullmqPriorities: Readonly<Record<PriorityClass, number>> = {
  interactive: 0,
  async: 10,
  batch: 20,
};

/** The class that a BullMQ priority stands for. */
export function priorityClassOf(priority: number | undefined): PriorityClass {
  if (priority === bullmqPriorities.batch) return "batch";
  return priority === bullmqPriorities.async ? "async" : "interactive";
}

import type { PriorityClass } from "@expert-router/contracts";

/**
 * Seconds of waiting that matter to a class. Whoever watches an answer appear notices two; a job is asked for by a
 * program that looks again in half a minute; a batch has a day, and minutes change nothing in it. Spillover gives the
 * whole margin of probability for this wait, and autoscalers are told how many workers would keep to it.
 */
export const waitScaleS: Readonly<Record<PriorityClass, number>> = { interactive: 2, async: 30, batch: 300 };

import { bullmqPrefix } from "@expert-router/contracts";
import type { DefaultJobOptions } from "bullmq";
import { maxQueueEvents } from "./order/order-script.js";

/**
 * A finished job leaves nothing behind in BullMQ: its record and its log have a retention of their own. How often a
 * job is tried is decided by the worker, from the attempts in that record.
 */
export const bullmqJobOptions = {
  removeOnComplete: true,
  removeOnFail: true,
  attempts: 1,
} satisfies DefaultJobOptions;

/** Settings that every process must give to an expert's BullMQ queue. */
export const bullmqQueueSettings = {
  prefix: bullmqPrefix,
  defaultJobOptions: bullmqJobOptions,
  streams: { events: { maxLen: maxQueueEvents } },
  skipMetasUpdate: false,
} as const;

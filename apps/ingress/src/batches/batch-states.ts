import type { Batch, BatchStatus } from "@expert-router/contracts";

/** When a batch got into a status. */
const timeOf: Partial<Record<BatchStatus, keyof Batch>> = {
  in_progress: "in_progress_at",
  finalizing: "finalizing_at",
  completed: "completed_at",
  failed: "failed_at",
  expired: "expired_at",
  cancelling: "cancelling_at",
  cancelled: "cancelled_at",
};

/** Whether nothing can happen to it any more. */
export function isEnded(status: BatchStatus): boolean {
  return status === "failed" || status === "completed" || status === "expired" || status === "cancelled";
}

/** The batch in its next status. */
export function inStatus(
  batch: Batch,
  status: BatchStatus,
  nowMs: number,
  changes: Partial<Batch> = {},
): Batch {
  const time = timeOf[status];
  return {
    ...batch,
    ...changes,
    status,
    ...(time !== undefined && { [time]: changes[time] ?? Math.floor(nowMs / 1_000) }),
  };
}

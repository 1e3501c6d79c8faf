import type { Job, RequestState, RequestStatus, WebhookDelivery } from "@expert-router/contracts";

/** What a job's record does not hold. */
export interface JobCircumstances {
  readonly queuePosition: number | null;
  readonly etaS: number | null;
  readonly response: Record<string, unknown> | null;
}

/** A job as a client sees it; `keptMs`: how long jobs are kept that say nothing about it. */
export function jobView(
  state: RequestState,
  { queuePosition, etaS, response }: JobCircumstances,
  keptMs: number,
): Job {
  const { finishedAtMs } = state;
  return {
    id: state.id,
    object: "job",
    endpoint: state.endpoint,
    status: state.status,
    expert: state.decision.expert,
    confidence: state.decision.confidence,
    reason: state.decision.reason,
    instead_of: state.decision.spillover?.insteadOf ?? null,
    priority: state.priorityClass,
    queue_position: queuePosition,
    eta_s: etaS,
    created_at: unixSeconds(state.createdAtMs)!,
    started_at: unixSeconds(state.startedAtMs),
    finished_at: unixSeconds(finishedAtMs),
    deadline_at: unixSeconds(state.deadlineAtMs),
    expires_at: unixSeconds(finishedAtMs && finishedAtMs + (state.keptMs ?? keptMs)),
    attempts: state.attempts,
    metadata: state.metadata ?? null,
    usage: state.usage ?? null,
    response,
    error: state.error ?? null,
    webhook: state.delivery === undefined ? null : webhookView(state.delivery),
  };
}

function webhookView({ url, status, attempts, tries }: WebhookDelivery): Job["webhook"] {
  return {
    url,
    status,
    attempts,
    last_attempts: tries.map((tried) => ({
      at: tried.atMs / 1_000,
      status: tried.status ?? null,
      error: tried.error ?? null,
      duration_ms: tried.durationMs,
    })),
  };
}

/** Whether nothing can happen to it any more. */
export function isFinal(state: RequestState): boolean {
  return isFinalStatus(state.status);
}

export function isFinalStatus(status: RequestStatus): boolean {
  return status !== "queued" && status !== "in_progress";
}

function unixSeconds(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.floor(ms / 1_000);
}

import type { RequestId } from "@expert-router/contracts";

interface Watched {
  readonly expert: string;
  readonly deadlineAtMs: number;
}

/** Jobs watched at once; those beyond expire when they are read or taken by a worker. */
const maxWatched = 50_000;

/** The deadlines of the jobs that this process has accepted or shown. */
export class DeadlineWatch {
  private readonly jobs = new Map<RequestId, Watched>();

  watch(id: RequestId, job: Watched): void {
    if (this.jobs.size < maxWatched) this.jobs.set(id, job);
  }

  /** Removes and answers the jobs whose deadline has passed. */
  takeExpired(nowMs: number): { id: RequestId; expert: string }[] {
    const expired: { id: RequestId; expert: string }[] = [];
    for (const [id, { expert, deadlineAtMs }] of this.jobs) {
      if (deadlineAtMs > nowMs) continue;
      this.jobs.delete(id);
      expired.push({ id, expert });
    }
    return expired;
  }
}

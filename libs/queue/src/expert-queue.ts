import type { PriorityClass, RequestId, WorkerReport } from "@expert-router/contracts";

/** What travels through the queue: an id and what scheduling needs. The body stays in the request's record. */
export interface QueuedJob {
  readonly id: RequestId;
  readonly priorityClass: PriorityClass;
}

/** The producing side of one expert's queue. */
export interface ExpertQueue {
  readonly expert: string;
  /** Durable once resolved. Idempotent: an id that is queued already is left alone. Rejects fast while Redis is away. */
  enqueue(job: QueuedJob): Promise<void>;
  /** Takes a waiting job out, so that no worker sees it. False: a worker has it already. */
  remove(id: RequestId): Promise<boolean>;
  /** Whether it is on the queue or taken by a worker. */
  has(id: RequestId): Promise<boolean>;
  /** How many are before it; 0 is next. Undefined: not waiting. */
  position(id: RequestId): Promise<number | undefined>;
  /** Waiting jobs by class. */
  depth(): Promise<Record<PriorityClass, number>>;
}

/** What a worker did with a job it took. */
export type JobOutcome =
  /** Its log is closed; forget it. */
  | { readonly type: "done" }
  /** Give it to the next worker at once. */
  | { readonly type: "hand-back" }
  /** Offer it again after `delayMs`. */
  | { readonly type: "retry"; readonly delayMs: number };

/** One taken job. */
export interface TakenJob extends QueuedJob {
  /** Aborted when the queue gave the job to somebody else: stop at once. */
  readonly lockLost: AbortSignal;
}

/** The consuming side of one expert's queue, one per worker process. */
export interface ExpertConsumer {
  /** Starts to pull. `work` settles with the outcome; at most `concurrency` run at once. */
  start(work: (job: TakenJob) => Promise<JobOutcome>): Promise<void>;
  /** Jobs in flight. */
  readonly running: number;
  /** Changes how many may run at once, from the next job on; 0 holds the queue while the engine is away. */
  resize(concurrency: number): void;
  /** Stops pulling; resolves when no further job can be taken. Jobs in flight go on. */
  stopPulling(): Promise<void>;
  /** Resolves when the last job in flight is settled. */
  idle(): Promise<void>;
  /** Closes connections. */
  close(): Promise<void>;
}

/** Who works for an expert, by heartbeat. */
export interface WorkerRegistry {
  /** Says that the worker lives. */
  beat(report: WorkerReport): Promise<void>;
  /** Takes the worker out of the list at once. */
  leave(expert: string, workerId: string): Promise<void>;
  /** Workers whose heartbeat is fresh. */
  alive(expert: string): Promise<WorkerReport[]>;
  /** Hands back the jobs of workers whose heartbeat stopped; answers how many. Any process may call it, at any time. */
  reap(expert: string): Promise<number>;
}

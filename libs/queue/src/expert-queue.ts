import type {
  PrefixKeys,
  PriorityClass,
  RequestId,
  RequestRecord,
  WorkerReport,
} from "@expert-router/contracts";

/** What travels through the queue: an id and what scheduling needs. The body stays in the request's record. */
export interface QueuedJob {
  readonly id: RequestId;
  readonly priorityClass: PriorityClass;
  /** Who shares the expert with whom; within a class tenants get tokens in proportion to their weights. */
  readonly tenant: string;
  /** Tokens it is expected to cost, prompt and answer together; the outcome corrects it. */
  readonly expectedTokens: number;
  /** Unix time in ms after which nobody wants the answer; undefined: no deadline. */
  readonly deadlineAtMs?: number | undefined;
  /** What a worker's engine should hold in its cache already to answer this cheaply; undefined: nothing is known. */
  readonly prefix?: PrefixKeys | undefined;
}

/** A request as its queue needs it. */
export function queuedJob(record: Omit<RequestRecord, "body">): QueuedJob {
  const { id, priorityClass, tenant, expectedTokens, deadlineAtMs, prefix } = record;
  return { id, priorityClass, tenant, expectedTokens, deadlineAtMs, prefix };
}

/** Where a waiting job stands. */
export interface QueuePlace {
  /** Jobs that are served before it, about, if nobody else comes; 0 is next. */
  readonly position: number;
  /** Those of them that are of its own class. */
  readonly positionInClass: number;
}

/** Jobs and the tokens they are expected to cost. */
export interface JobSum {
  readonly jobs: number;
  readonly tokens: number;
}

/** One expert's queue in figures. */
export interface QueueFigures {
  readonly waiting: Readonly<Record<PriorityClass, JobSum>>;
  /** Taken by workers since the queue exists; put back and taken again counts once. */
  readonly started: Readonly<Record<PriorityClass, JobSum>>;
  /** Clients that were told to come back, and whose time has not run out. */
  readonly booked: Readonly<Record<PriorityClass, number>>;
}

/** A request that asks to be let in to a queue near its bound. */
export interface AdmissionClaim {
  readonly priorityClass: PriorityClass;
  /** Names the client and its request, so that it is known when it comes back: a hash of tenant, endpoint and body. */
  readonly claimant: string;
  /** Waiting jobs of the class at most. */
  readonly maxWaiting: number;
  /** Jobs of the class that start a second; undefined: not known. */
  readonly startsPerS: number | undefined;
}

/** Let in, or to come back after a time: then it is let in before those that come for the first time. */
export type Admission =
  | { readonly admitted: true }
  | { readonly admitted: false; readonly retryAfterMs: number };

/** The producing side of one expert's queue. */
export interface ExpertQueue {
  readonly expert: string;
  /** Durable once resolved. Idempotent: an id that is queued already is left alone. Rejects fast while Redis is away. */
  enqueue(job: QueuedJob): Promise<void>;
  /** Takes a waiting job out, so that no worker sees it. False: a worker has it already. */
  remove(id: RequestId): Promise<boolean>;
  /** Whether it is on the queue or taken by a worker. */
  has(id: RequestId): Promise<boolean>;
  /** Undefined: not waiting. */
  place(id: RequestId): Promise<QueuePlace | undefined>;
  figures(): Promise<QueueFigures>;
  /** Exact and shared by all ingress processes; asked only where the {@link figures} say that the bound is near. */
  admit(claim: AdmissionClaim): Promise<Admission>;
  /** Jobs of `tenant` that wait. */
  waitingOf(tenant: string, priorityClass: PriorityClass): Promise<number>;
}

/** What a worker did with a job it took. */
export type JobOutcome =
  /** Its log is closed; forget it. `tokens`: what it cost, where that is known. */
  | { readonly type: "done"; readonly tokens?: number | undefined }
  /** Give it to the next worker at once. */
  | { readonly type: "hand-back" }
  /** Offer it again after `delayMs`. */
  | { readonly type: "retry"; readonly delayMs: number };

/** One taken job. */
export interface TakenJob {
  readonly id: RequestId;
  readonly priorityClass: PriorityClass;
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

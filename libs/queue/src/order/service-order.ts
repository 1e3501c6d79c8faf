import {
  bullmqKeys,
  priorityClasses,
  redisKeys,
  type PriorityClass,
  type RequestId,
} from "@expert-router/contracts";
import type { LuaScript, RedisClient } from "@expert-router/redis";
import type {
  Admission,
  AdmissionClaim,
  JobSum,
  QueuedJob,
  QueueFigures,
  QueuePlace,
} from "../expert-queue.js";
import { bullmqPriorities } from "../priorities.js";
import { tenantPolicy, type SchedulingPolicy } from "../scheduling-policy.js";
import { admitScript } from "./admit-script.js";
import { enqueueScript, maxEnqueued, withdrawScript } from "./enqueue-script.js";
import { maxReported, takeScript } from "./take-script.js";
import { figuresScript, placeScript, waitingOfScript } from "./view-scripts.js";

/** A job that a worker took and does not run any more. Once told, one that is done has left the queue. */
export interface EndedRun {
  readonly id: string;
  /** The token that it was taken with. */
  readonly token: string;
  /** Tokens that it cost; `unknown`: it is done, and nobody counted; `returned`: it is not done. */
  readonly cost: number | "unknown" | "returned";
}

/** What a worker asks for. */
export interface TakeCall {
  readonly workerId: string;
  /** Begins with the worker's id; new for each call. */
  readonly token: string;
  readonly wanted: number;
  readonly room: number;
  readonly concurrency: number;
  readonly lockMs: number;
  readonly ended: readonly EndedRun[];
}

/** What it gets. */
export interface Taken {
  readonly jobs: readonly { readonly id: string; readonly priorityClass: PriorityClass }[];
  /** Time until there may be something for this worker that no bell tells of; undefined: there is no such thing. */
  readonly lookAgainMs?: number | undefined;
  /** Batch work waits for more free places than this worker has: there may be something once one of its jobs ends. */
  readonly held: boolean;
}

/** Jobs that are queued at once in the code that runs now, which one call adds when it has run. */
interface JobLot {
  /** Arguments of the script, of each. */
  readonly jobs: (string | number)[][];
  readonly queued: Promise<void>;
}

/** The order of service of one expert's queue: an index in Redis beside BullMQ's own structures, and the scripts on it. */
export class ServiceOrder {
  private readonly keys: readonly string[];
  private readonly prefix: string;
  /** The lot that further jobs join. */
  private lot: JobLot | undefined;

  constructor(
    expert: string,
    private readonly redis: RedisClient,
    private readonly policy: SchedulingPolicy,
  ) {
    this.keys = [redisKeys.orderState(expert)];
    this.prefix = bullmqKeys(expert);
  }

  /** Adds the job to BullMQ and to the order; `options` are BullMQ's. An id that is there already is left alone. */
  async enqueue(job: QueuedJob, options: Readonly<Record<string, unknown>>): Promise<void> {
    const { weight, maxRunning } = tenantPolicy(this.policy, job.tenant);
    // All that the order needs, so that it can be made again. What is undefined is left out.
    const data = {
      class: job.priorityClass,
      tenant: job.tenant,
      tokens: Math.max(1, job.expectedTokens),
      weight,
      maxRunning,
      deadline: job.deadlineAtMs,
      behind: job.prefix?.behind,
      after: job.prefix?.after,
    };
    const priority = bullmqPriorities[job.priorityClass];
    await this.enter([
      job.id,
      JSON.stringify(data),
      JSON.stringify({ ...options, jobId: job.id, priority }),
      priority,
    ]);
  }

  /** Takes a waiting job out of the order, but leaves it with BullMQ. False: a worker holds it. */
  async withdraw(id: RequestId): Promise<boolean> {
    return (await this.run(withdrawScript, [id])) === 1;
  }

  /** @throws what the connection throws; called again with the same token it answers the same jobs. */
  async take(call: TakeCall): Promise<Taken> {
    const { headroom, classes } = this.policy;
    const ended = call.ended.slice(0, maxReported);
    const [jobs, lookAgainMs, held] = (await this.run(takeScript, [
      call.workerId,
      call.token,
      call.wanted,
      call.room,
      call.concurrency,
      call.lockMs,
      headroom,
      ...priorityClasses.map((each) => classes[each].minShare),
      ended.length,
      ...ended.flatMap(({ id, token, cost }) => [id, token, costNumber(cost)]),
    ])) as [string[], number, number];
    const taken = [];
    for (let i = 0; i < jobs.length; i += 2) {
      taken.push({ id: jobs[i] as string, priorityClass: jobs[i + 1] as PriorityClass });
    }
    return { jobs: taken, held: held === 1, ...(lookAgainMs >= 0 && { lookAgainMs }) };
  }

  async place(id: RequestId): Promise<QueuePlace | undefined> {
    const [position, positionInClass] = (await this.run(placeScript, [id])) as number[];
    if (position === undefined || positionInClass === undefined) return undefined;
    return { position, positionInClass };
  }

  async figures(): Promise<QueueFigures> {
    const values = (await this.run(figuresScript, [])) as number[];
    const at = (classIndex: number, field: number): number => values[classIndex * 5 + field] ?? 0;
    const sums = (field: number): Record<PriorityClass, JobSum> =>
      byClass((i) => ({ jobs: at(i, field), tokens: at(i, field + 1) }));
    return { waiting: sums(0), started: sums(2), booked: byClass((i) => at(i, 4)) };
  }

  async admit({ priorityClass, claimant, maxWaiting, startsPerS }: AdmissionClaim): Promise<Admission> {
    const inMs = await this.run(admitScript, [priorityClass, claimant, maxWaiting, startsPerS ?? 0]);
    return inMs === -1 ? { admitted: true } : { admitted: false, retryAfterMs: inMs as number };
  }

  async waitingOf(tenant: string, priorityClass: PriorityClass): Promise<number> {
    return (await this.run(waitingOfScript, [tenant, priorityClass])) as number;
  }

  private enter(args: JobLot["jobs"][number]): Promise<void> {
    if (this.lot === undefined || this.lot.jobs.length >= maxEnqueued) this.lot = this.newLot();
    this.lot.jobs.push(args);
    return this.lot.queued;
  }

  private newLot(): JobLot {
    const jobs: JobLot["jobs"] = [];
    const send = async (): Promise<void> => {
      await new Promise<void>((resolve) => process.nextTick(resolve));
      if (this.lot === lot) this.lot = undefined;
      await this.run(enqueueScript, jobs.flat());
    };
    const lot: JobLot = { jobs, queued: send() };
    return lot;
  }

  private run(script: LuaScript, args: readonly (string | number)[]): Promise<unknown> {
    return script.run(this.redis, this.keys, [this.prefix, ...args]);
  }
}

function costNumber(cost: EndedRun["cost"]): number {
  if (cost === "unknown") return -1;
  return cost === "returned" ? -2 : Math.max(0, Math.round(cost));
}

function byClass<Value>(valueOf: (classIndex: number) => Value): Record<PriorityClass, Value> {
  return { interactive: valueOf(0), async: valueOf(1), batch: valueOf(2) };
}

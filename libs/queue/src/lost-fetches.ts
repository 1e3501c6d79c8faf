import { onReconnect, type RedisClient } from "@expert-router/redis";
import { Job, type Worker } from "bullmq";

/** What a consumer knows of its own. */
export interface ConsumerView {
  /** Whether it runs the job, or is about to. */
  readonly isKnown: (id: string) => boolean;
  /** Whether a fetch with this lock token is still under way. */
  readonly isFetching: (token: string) => boolean;
}

const lookMs = 250;

/**
 * Puts back the jobs that Redis gave to this worker in a reply that never came. A call that the client library sends again is
 * given the same jobs again; this is for calls that were given up. The worker lives and beats, so nobody else would notice
 * before the lock runs out. After every reconnect the list of active jobs is looked through for them.
 */
export class LostFetches {
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;
  private unhear: (() => void) | undefined;

  constructor(
    private readonly worker: Worker,
    private readonly options: {
      readonly redis: RedisClient;
      readonly workerId: string;
      readonly onError: (error: Error) => void;
    },
    private readonly view: ConsumerView,
  ) {}

  start(): void {
    this.unhear = onReconnect(this.options.redis, () => this.lookSoon());
  }

  stop(): void {
    this.stopped = true;
    this.unhear?.();
    clearTimeout(this.timer);
  }

  private lookSoon(): void {
    if (this.stopped) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.look().then(
        (isSure) => isSure || this.lookSoon(),
        (error: unknown) => {
          this.options.onError(error as Error);
          this.lookSoon();
        },
      );
    }, lookMs);
  }

  /** False: a fetch that was under way may have been for one of the jobs, so one more look is needed. */
  private async look(): Promise<boolean> {
    const { redis, workerId } = this.options;
    const active = await redis.lrange(this.worker.toKey("active"), 0, -1);
    const unknown = active.filter((id) => !this.view.isKnown(id));
    if (unknown.length === 0) return true;
    const tokens = await redis.mget(unknown.map((id) => this.worker.toKey(`${id}:lock`)));
    let isSure = true;
    for (const [i, id] of unknown.entries()) {
      const token = tokens[i];
      if (token?.startsWith(`${workerId}:`) !== true || this.view.isKnown(id)) continue;
      if (this.view.isFetching(token)) isSure = false;
      else await this.putBack(id, token);
    }
    return isSure;
  }

  private async putBack(id: string, token: string): Promise<void> {
    const job = await Job.fromId(this.worker, id);
    if (job === undefined) return;
    await job.moveToWait(token).catch(() => undefined); // Its lock ran out meanwhile.
  }
}

import { setTimeout as sleep } from "node:timers/promises";
import type { Outcome } from "./client.js";
import { recordsOf, type RequestTimes, type ScenarioRedis } from "./request-records.js";

const everyMs = 2_000;
const patienceMs = 120_000;

/** Reads the records of requests as they end, where Redis forgets them before the load is over. */
export class RecordCollector {
  readonly ended: RequestTimes[] = [];
  private open: Outcome[] = [];
  private isLast = false;
  private readonly collecting: Promise<void>;

  constructor(private readonly redis: ScenarioRedis) {
    this.collecting = this.collect();
    // Told by whoever waits for the end.
    this.collecting.catch(() => undefined);
  }

  /** Follows a request that was accepted. */
  add(outcome: Outcome): void {
    if (outcome.accepted) this.open.push(outcome);
  }

  /** The records of all, once the last one has ended; none is added from now on. */
  async finish(): Promise<RequestTimes[]> {
    this.isLast = true;
    await this.collecting;
    return this.ended;
  }

  private async collect(): Promise<void> {
    let deadline = Infinity;
    while (!this.isLast || this.open.length > 0) {
      await sleep(everyMs);
      const looked = this.open;
      this.open = [];
      for (const record of await recordsOf(this.redis, looked)) {
        if (record.finishedAtMs === undefined) this.open.push(record.outcome);
        else this.ended.push(record);
      }
      if (this.isLast) deadline = Math.min(deadline, performance.now() + patienceMs);
      if (performance.now() > deadline) throw new Error(`${this.open.length} requests never ended`);
    }
  }
}

import { setTimeout as sleep } from "node:timers/promises";
import { nowMs } from "./client.js";
import type { ScenarioSystem } from "./scenario-system.js";

/** One look at an engine and at what its workers may give it. */
export interface EngineLook {
  readonly atMs: number;
  /** Requests that the workers may run at once, as `GET /v1/experts` tells. */
  readonly credits: number;
  /** Requests that the engine generates, and that wait inside of it. */
  readonly running: number;
  readonly waiting: number;
  /** Tokens that it has generated since it was started. */
  readonly generated: number;
}

const everyMs = 250;

/** Looks at the engine of the only expert, four times a second, until it is stopped. */
export class EngineWatch {
  readonly looks: EngineLook[] = [];
  private stopped = false;
  private readonly watching: Promise<void>;

  constructor(
    private readonly system: ScenarioSystem,
    private readonly engineUrl: string,
  ) {
    this.watching = this.watch();
    this.watching.catch(() => undefined);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.watching;
  }

  within(fromMs: number, toMs: number): EngineLook[] {
    return this.looks.filter(({ atMs }) => atMs >= fromMs && atMs <= toMs);
  }

  /** ms from `sinceMs` until the engine makes `perS` tokens a second over a second; NaN if it never does. */
  timeUntilRate(perS: number, sinceMs: number): number {
    const looks = this.within(sinceMs, Infinity);
    for (const [index, { atMs, generated }] of looks.entries()) {
      const later = looks.slice(index).find((look) => look.atMs >= atMs + 1_000);
      if (later === undefined) break;
      if ((later.generated - generated) / ((later.atMs - atMs) / 1_000) >= perS) return atMs - sinceMs;
    }
    return Number.NaN;
  }

  private async watch(): Promise<void> {
    while (!this.stopped) {
      const [page, experts] = await Promise.all([
        fetch(`${this.engineUrl}/metrics`).then((response) => response.text()),
        this.system.system.experts(),
      ]);
      this.looks.push({
        atMs: nowMs(),
        credits: experts[0]?.capacity ?? Number.NaN,
        running: figure(page, "vllm:num_requests_running"),
        waiting: figure(page, "vllm:num_requests_waiting"),
        generated: figure(page, "vllm:generation_tokens_total"),
      });
      await sleep(everyMs);
    }
  }
}

function figure(page: string, name: string): number {
  return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)`, "m").exec(page)?.[1]);
}

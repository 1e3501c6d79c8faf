import { priorityClasses, type ExpertStatus } from "@expert-router/contracts";
import { Inject, Injectable } from "@nestjs/common";
import { INGRESS_CONTEXT, INGRESS_PORTS } from "../wiring/injection-tokens.js";
import type { IngressContext } from "../wiring/ingress-options.js";
import type { IngressPorts } from "../wiring/ports.js";
import { ExpertLoad } from "./expert-load.js";
import { desiredWorkersOf, expertStatus } from "./expert-status.js";
import { repeat, type RepeatingTask } from "./repeating-task.js";

/** Watches the queues and workers of all experts, and hands back the jobs of workers that died. */
@Injectable()
export class ExpertMonitor {
  private readonly loads: ReadonlyMap<string, ExpertLoad>;
  private tasks: RepeatingTask[] = [];
  private redisWasAway = false;

  constructor(
    @Inject(INGRESS_CONTEXT) private readonly context: IngressContext,
    @Inject(INGRESS_PORTS) private readonly ports: IngressPorts,
  ) {
    const { experts, scheduling } = context.settings.system;
    this.loads = new Map(experts.map((expert) => [expert.id, new ExpertLoad(expert, scheduling)]));
  }

  /** Counts once, then goes on by itself until {@link stop}. */
  async start(): Promise<void> {
    await this.poll().catch((error: unknown) => this.report(error));
    const { pollMs, reapMs } = this.context.tuning;
    const onError = (error: unknown): void => this.report(error);
    this.tasks = [repeat(pollMs, () => this.poll(), onError), repeat(reapMs, () => this.reap(), onError)];
  }

  stop(): void {
    for (const task of this.tasks) task.stop();
  }

  /** @throws Error if there is no such expert; callers have checked it. */
  load(expert: string): ExpertLoad {
    const load = this.loads.get(expert);
    if (load === undefined) throw new Error(`no expert '${expert}' is configured`);
    return load;
  }

  /** All experts in the order of the configuration. */
  statuses(): ExpertStatus[] {
    return [...this.loads.values()].map((load) => expertStatus(load));
  }

  private async poll(): Promise<void> {
    await Promise.all([...this.loads.values()].map((load) => this.count(load)));
    this.redisWasAway = false;
  }

  private async count(load: ExpertLoad): Promise<void> {
    const { id } = load.expert;
    const arrivedBefore = load.arrivals.snapshot();
    const [figures, workers, deadLetters] = await Promise.all([
      this.ports.queues.get(id)!.figures(),
      this.ports.registry.alive(id),
      this.ports.deadLetters.count(id),
    ]);
    load.update({ figures, workers, arrivedBefore }, Date.now());
    const { metrics } = this.context;
    for (const name of priorityClasses) {
      const labels = { expert: id, class: name };
      metrics.queueDepth.set(labels, load.depth(name));
      const waitS = load.waitS(name);
      // No value is better than the last one that was known.
      if (waitS === null) metrics.estimatedWaitSeconds.remove(labels);
      else metrics.estimatedWaitSeconds.set(labels, waitS);
    }
    metrics.desiredWorkers.set({ expert: id }, desiredWorkersOf(load));
    metrics.workers.set({ expert: id }, workers.length);
    metrics.deadLetters.set({ expert: id }, deadLetters);
  }

  private async reap(): Promise<void> {
    for (const expert of this.loads.keys()) {
      const handedBack = await this.ports.registry.reap(expert);
      if (handedBack === 0) continue;
      this.context.metrics.handBacks.inc({ expert, cause: "worker-lost" }, handedBack);
      this.context.logger.warn({ expert, jobs: handedBack }, "a worker was lost; its jobs are handed back");
    }
  }

  /** An outage is one line, not four a second. */
  private report(error: unknown): void {
    if (this.redisWasAway) return;
    this.redisWasAway = true;
    this.context.logger.warn({ err: error }, "queues and workers cannot be watched");
  }
}

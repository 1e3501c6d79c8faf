import { hostname } from "node:os";
import type { WorkerReport } from "@expert-router/contracts";
import type { WorkerRegistry } from "@expert-router/queue";

const beatMs = 300;

/** Tells the registry that this worker lives, and hands back what dead workers of the same expert held. */
export class Heartbeat {
  private timer: NodeJS.Timeout | undefined;
  private beating = false;

  constructor(
    private readonly registry: WorkerRegistry,
    private readonly report: () => Omit<WorkerReport, "host" | "pid">,
    private readonly onReaped: (jobs: number) => void,
    private readonly onError: (error: unknown) => void,
  ) {}

  async start(): Promise<void> {
    await this.beat();
    this.timer = setInterval(() => void this.beat(), beatMs);
  }

  /** `leave`: this worker holds nothing any more. Otherwise it is missed soon, and others hand back what it held. */
  async stop({ leave }: { readonly leave: boolean }): Promise<void> {
    clearInterval(this.timer);
    const { expert, id } = this.report();
    if (leave) await this.registry.leave(expert, id);
  }

  private async beat(): Promise<void> {
    // While Redis is away one beat waits for it; more of them would say nothing new.
    if (this.beating) return;
    this.beating = true;
    try {
      const report = { ...this.report(), host: hostname(), pid: process.pid };
      await this.registry.beat(report);
      const reaped = await this.registry.reap(report.expert);
      if (reaped > 0) this.onReaped(reaped);
    } catch (error) {
      this.onError(error);
    } finally {
      this.beating = false;
    }
  }
}

import type { InferenceEngine } from "@expert-router/engine";

const probeMs = 1_000;
const probeTimeoutMs = 2_000;
/** Probes in a row that must fail before the queue is held: one may be lost on a busy machine. */
const failuresToHold = 2;

/** Asks the engine every second whether it would take a request. */
export class EngineMonitor {
  private timer: NodeJS.Timeout | undefined;
  private failures = 0;
  private state: "unknown" | "healthy" | "unhealthy" = "unknown";

  constructor(
    private readonly engine: InferenceEngine,
    private readonly onChange: (healthy: boolean) => void,
  ) {}

  get healthy(): boolean {
    return this.state === "healthy";
  }

  async start(): Promise<void> {
    await this.probe();
    this.schedule();
  }

  stop(): void {
    clearTimeout(this.timer);
  }

  private schedule(): void {
    this.timer = setTimeout(() => void this.probe().finally(() => this.schedule()), probeMs);
  }

  private async probe(): Promise<void> {
    this.failures = (await this.engine.healthy(probeTimeoutMs)) ? 0 : this.failures + 1;
    const holds = this.failures >= failuresToHold || (this.failures > 0 && this.state === "unknown");
    const next = this.failures === 0 ? "healthy" : holds ? "unhealthy" : this.state;
    if (next === this.state) return;
    this.state = next;
    this.onChange(next === "healthy");
  }
}

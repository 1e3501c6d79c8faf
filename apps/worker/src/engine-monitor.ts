import type { InferenceEngine } from "@expert-router/engine";
import type { EngineCircuit } from "./engine-circuit.js";

const probeTimeoutMs = 2_000;

/** Asks the engine whether it would take a request, whenever its circuit wants to know. */
export class EngineMonitor {
  private timer: NodeJS.Timeout | undefined;
  private dueAtMs = Infinity;
  private stopped = false;
  private probing: Promise<void> | undefined;

  constructor(
    private readonly engine: InferenceEngine,
    private readonly circuit: EngineCircuit,
  ) {}

  async start(): Promise<void> {
    await this.probe();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  /** The next check comes when the circuit wants it; call this after the circuit has changed. */
  schedule(): void {
    if (this.stopped || this.probing !== undefined) return;
    const dueAtMs = performance.now() + this.circuit.probeInMs;
    // Never put off: what changes all the time would keep the check from ever coming.
    if (dueAtMs >= this.dueAtMs) return;
    clearTimeout(this.timer);
    this.dueAtMs = dueAtMs;
    this.timer = setTimeout(() => void this.probe(), this.circuit.probeInMs);
  }

  private probe(): Promise<void> {
    this.probing ??= this.engine
      .healthy(probeTimeoutMs)
      .then((healthy) => this.circuit.probed(healthy))
      .finally(() => {
        this.probing = undefined;
        this.dueAtMs = Infinity;
        this.schedule();
      });
    return this.probing;
  }
}

import { isLoopback, type ExpertConfig } from "@expert-router/config";

/** A simulated engine to start. */
export interface SimulatedEngine {
  readonly expert: string;
  /** Where it shall listen if it can. It tells where it does. */
  readonly preferredPort: number;
  /** Arguments of `expert-router` that start it. */
  argsFor(port: number): readonly string[];
}

/** Pace of the simulated engines, that of a small model on one GPU. */
const timeToFirstTokenMs = 20;
const interTokenLatencyMs = 10;
const seed = 1;

/** The engines of kind `sim` on this machine; those elsewhere are somebody else's to start. */
export function planSimulatedEngines(experts: readonly ExpertConfig[]): SimulatedEngine[] {
  return experts
    .filter(({ engine }) => engine.kind === "sim" && isLoopback(new URL(engine.url).hostname))
    .map(({ id, engine }) => ({
      expert: id,
      preferredPort: Number(new URL(engine.url).port || 80),
      argsFor: (port) => simArguments(port, engine),
    }));
}

function simArguments(port: number, engine: ExpertConfig["engine"]): string[] {
  return [
    "engine-sim",
    `--port=${port}`,
    // Looking for a free port first would race with whoever looks at the same time.
    "--any-port-if-taken",
    `--model=${engine.model}`,
    `--max-num-seqs=${engine.concurrency}`,
    `--time-to-first-token=${timeToFirstTokenMs}`,
    `--inter-token-latency=${interTokenLatencyMs}`,
    `--seed=${seed}`,
  ];
}

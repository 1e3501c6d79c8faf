import { isLoopback, type ExpertConfig } from "@expert-router/config";
import { findFreePort, isPortFree } from "@expert-router/redis-server";

/** A simulated engine to start. */
export interface SimulatedEngine {
  readonly expert: string;
  readonly port: number;
  /** Where its worker finds it; not the configured address if that port was taken. */
  readonly url: string;
  readonly args: readonly string[];
}

/** Pace of the simulated engines, that of a small model on one GPU. */
const timeToFirstTokenMs = 20;
const interTokenLatencyMs = 10;
const seed = 1;

/** The engines of kind `sim` on this machine; those elsewhere are somebody else's to start. */
export async function planSimulatedEngines(experts: readonly ExpertConfig[]): Promise<SimulatedEngine[]> {
  const local = experts.filter(
    ({ engine }) => engine.kind === "sim" && isLoopback(new URL(engine.url).hostname),
  );
  const engines: SimulatedEngine[] = [];
  for (const { id, engine } of local) {
    const configured = Number(new URL(engine.url).port || 80);
    const taken = engines.some(({ port }) => port === configured) || !(await isPortFree(configured));
    const port = taken ? await findFreePort() : configured;
    engines.push({ expert: id, port, url: `http://127.0.0.1:${port}`, args: simArguments(port, engine) });
  }
  return engines;
}

function simArguments(port: number, engine: ExpertConfig["engine"]): string[] {
  return [
    "engine-sim",
    `--port=${port}`,
    `--model=${engine.model}`,
    `--max-num-seqs=${engine.concurrency}`,
    `--time-to-first-token=${timeToFirstTokenMs}`,
    `--inter-token-latency=${interTokenLatencyMs}`,
    `--seed=${seed}`,
  ];
}

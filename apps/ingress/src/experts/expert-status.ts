import {
  priorityClasses,
  type ExpertStatus,
  type PriorityClass,
  type WorkerReport,
} from "@expert-router/contracts";
import { desiredWorkers } from "./desired-workers.js";
import type { ExpertLoad } from "./expert-load.js";

/** An expert as `GET /v1/experts` shows it. */
export function expertStatus(load: ExpertLoad): ExpertStatus {
  const { expert, workers, working, startRate } = load;
  const engine = working[0] ?? { engineKind: expert.engine.kind, engineModel: expert.engine.model };
  const circuits = (state: WorkerReport["engineCircuit"]): number =>
    workers.filter((worker) => worker.engineCircuit === state).length;
  return {
    id: expert.id,
    object: "expert",
    domains: [...expert.domains, ...expert.clusters.map(String)],
    engine_kind: engine.engineKind,
    engine_model: engine.engineModel,
    simulated: engine.engineKind === "sim" || workers.some((worker) => worker.engineKind === "sim"),
    health: healthOf(load),
    queue_depth: byClass((name) => load.depth(name)),
    running: load.running,
    workers: workers.length,
    circuits: { closed: circuits("closed"), half_open: circuits("half-open"), open: circuits("open") },
    capacity: load.capacity,
    drain_rate_per_s: Math.round(load.drainPerS * 1_000) / 1_000,
    start_rate_per_s: startRate === undefined ? null : Math.round(startRate.jobsPerS * 1_000) / 1_000,
    estimated_wait_s: load.waitS("interactive"),
    estimated_wait_by_class_s: byClass((name) => load.waitS(name)),
    desired_workers: desiredWorkersOf(load),
  };
}

/** How many workers the expert should have. */
export function desiredWorkersOf(load: ExpertLoad): number {
  const { expert, workers, working, capacity, running, serviceS } = load;
  // A worker that starts is not there yet for long, so that what is configured speaks for all.
  const concurrency = working.length === 0 ? expert.engine.concurrency : capacity / working.length;
  const waiting = byClass((name) => load.depth(name));
  return desiredWorkers({
    running: workers.length === 0 ? 0 : running,
    waiting,
    serviceS,
    concurrency: Math.max(1, concurrency),
  });
}

function healthOf({ workers, working }: ExpertLoad): ExpertStatus["health"] {
  if (working.length === 0) return "unavailable";
  return workers.some((worker) => worker.state === "running" && !worker.engineHealthy)
    ? "degraded"
    : "healthy";
}

function byClass<Value>(value: (name: PriorityClass) => Value): Record<PriorityClass, Value> {
  return Object.fromEntries(priorityClasses.map((name) => [name, value(name)])) as Record<
    PriorityClass,
    Value
  >;
}

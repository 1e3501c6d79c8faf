import { engineKinds } from "@expert-router/contracts";
import { EnvironmentReader, type Environment } from "./environment.js";
import { nearestName } from "./nearest-name.js";
import { readShared, readSystem, type SharedSettings } from "./shared-settings.js";
import { withoutTrailingSlash, type ExpertConfig, type SystemConfig } from "./system-config.js";

/** What a worker process needs to know. */
export interface WorkerSettings extends SharedSettings {
  /** The expert it works for, `ENGINE_*` and `WORKER_CONCURRENCY` applied. */
  readonly expert: ExpertConfig;
  /** Address of its health and metrics server. */
  readonly opsHost: string;
  /** 0: any free port. */
  readonly opsPort: number;
  readonly system: SystemConfig;
}

/**
 * Reads the environment and expert-router.yaml. `EXPERT` may be left out with a single expert.
 * @throws ConfigError with every problem of both.
 */
export function readWorkerSettings(env: Environment = process.env): WorkerSettings {
  const reader = new EnvironmentReader(env);
  const settings = {
    ...readShared(reader),
    opsHost: reader.text("WORKER_HOST") ?? "127.0.0.1",
    opsPort: reader.integer("WORKER_PORT", 0, 65_535) ?? 0,
  };
  const engine = readEngineOverrides(reader);
  const system = readSystem(reader, { needsArtifact: false });
  const expert = system === undefined ? undefined : chosenExpert(reader, system);
  reader.assertUsable("The worker cannot start");
  const { id, ...rest } = expert as ExpertConfig;
  return {
    ...settings,
    system: system as SystemConfig,
    expert: { id, ...rest, engine: { ...rest.engine, ...engine } },
  };
}

function readEngineOverrides(reader: EnvironmentReader): Partial<ExpertConfig["engine"]> {
  const url = reader.url("ENGINE_URL", ["http:", "https:"]);
  return withoutUndefined({
    kind: reader.oneOf("ENGINE_KIND", engineKinds),
    url: url === undefined ? undefined : withoutTrailingSlash(url),
    model: reader.text("ENGINE_MODEL"),
    apiKey: reader.text("ENGINE_API_KEY"),
    concurrency: reader.integer("WORKER_CONCURRENCY", 1, 100_000),
  });
}

function chosenExpert(reader: EnvironmentReader, system: SystemConfig): ExpertConfig | undefined {
  const ids = system.experts.map((expert) => expert.id);
  const id = reader.text("EXPERT") ?? (ids.length === 1 ? ids[0] : undefined);
  const expert = system.experts.find((candidate) => candidate.id === id);
  if (expert !== undefined) return expert;
  if (id === undefined) reader.problems.push(`EXPERT: name the expert to work for: ${ids.join(", ")}`);
  else {
    const nearest = nearestName(id, ids);
    const advice = nearest === undefined ? `the experts are ${ids.join(", ")}` : `did you mean '${nearest}'?`;
    reader.problems.push(`EXPERT: '${id}' is no expert of ${system.path}; ${advice}`);
  }
  return undefined;
}

function withoutUndefined<Value extends object>(value: Value): Partial<Value> {
  return Object.fromEntries(
    Object.entries(value).filter(([, entry]) => entry !== undefined),
  ) as Partial<Value>;
}

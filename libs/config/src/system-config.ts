import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { keyTenant, userTenant, type EngineKind, type PriorityClass } from "@expert-router/contracts";
import { ConfigError } from "./config-error.js";
import { schemaProblems } from "./schema-problems.js";
import { systemRuleProblems, type Problem } from "./system-rules.js";
import { systemSchema, type ExpertEntry, type SystemFile } from "./system-schema.js";
import { YamlSource } from "./yaml-source.js";

/** The inference server of an expert. */
export interface EngineConfig {
  readonly kind: EngineKind;
  /** Base URL, without a trailing slash. */
  readonly url: string;
  /** The model's name at the server. */
  readonly model: string;
  /** Requests that one worker may have in flight at the server. */
  readonly concurrency: number;
  readonly apiKey?: string | undefined;
  /** Silence before the first token after which an attempt is given up. */
  readonly firstTokenTimeoutMs: number;
  /** Silence between two tokens after which an attempt is given up. */
  readonly interTokenTimeoutMs: number;
}

/** One specialised model and what it answers. */
export interface ExpertConfig {
  readonly id: string;
  readonly description?: string | undefined;
  /** Labels of the router artifact that it answers. */
  readonly domains: string[];
  /** Clusters of an unlabelled artifact that it answers. */
  readonly clusters: number[];
  readonly engine: EngineConfig;
}

/** How prompts are classified. */
export interface RouterConfig {
  /** Absolute path of the artifact's folder. */
  readonly artifact: string;
  /** Confidence below it sends a prompt to the fallback. */
  readonly threshold: number;
  /** How much probability may be given up for a shorter wait. */
  readonly spillMargin: number;
  /** How much more probable another expert must be for a conversation to leave the one it has; 0: only the last turn counts. */
  readonly stickiness: number;
  /** Which live prompts are kept for retraining; undefined: none. */
  readonly keepPrompts?: KeepPromptsConfig | undefined;
}

/** A bounded sample of live prompts. */
export interface KeepPromptsConfig {
  /** Share of routed prompts, above 0 to 1. */
  readonly sample: number;
  /** Prompts kept at most; the oldest go first. */
  readonly max: number;
  /** Days after which a prompt goes. */
  readonly days: number;
}

/** What one class of work may have. */
export interface ClassConfig {
  /** Share of an expert's tokens that it gets when all classes want more than there is, 0 to 0.5. */
  readonly minShare: number;
  /** Jobs of it that wait at one expert at most. */
  readonly maxQueued: number;
  /** Estimated wait in s above which no more of it is accepted; undefined: any. */
  readonly maxWaitS?: number | undefined;
}

/** What one tenant may have, at each expert. */
export interface TenantShare {
  /** Tenants of one class get tokens in proportion to it. */
  readonly weight: number;
  readonly maxRunning?: number | undefined;
  readonly maxWaiting?: number | undefined;
}

/** Who is served when. */
export interface SchedulingConfig {
  /** Share of a worker's places that batch work leaves free for interactive requests, 0 to 0.9. */
  readonly headroom: number;
  readonly classes: Readonly<Record<PriorityClass, ClassConfig>>;
  readonly defaultTenant: TenantShare;
  /** By tenant, as requests name it. */
  readonly tenants: ReadonlyMap<string, TenantShare>;
}

/** How clients are told that their jobs have ended. */
export interface WebhooksConfig {
  /** Also at addresses that are not public. */
  readonly allowPrivate: boolean;
  /** Also without TLS. */
  readonly allowHttp: boolean;
  /** Of one attempt. */
  readonly timeoutMs: number;
  /** Pause behind the first failure; doubled with each further one. */
  readonly firstRetryMs: number;
  readonly maxAttempts: number;
}

/** A bucket for files; undefined keys are the SDK's own. */
export interface S3Config {
  readonly bucket: string;
  readonly region: string;
  readonly endpoint?: string | undefined;
  /** In front of all keys; empty or ending with a slash. */
  readonly prefix: string;
  readonly pathStyle: boolean;
}

/** expert-router.yaml: what all processes of one system share. */
export interface SystemConfig {
  /** Absolute path of the file. */
  readonly path: string;
  /** Undefined only with a single expert. */
  readonly router?: RouterConfig | undefined;
  /** Id of the generalist. */
  readonly fallback: string;
  readonly experts: ExpertConfig[];
  readonly limits: {
    readonly maxAttempts: number;
    /** Seconds that a worker may be without Redis before BullMQ gives its jobs to others. */
    readonly jobLockS: number;
    /** Seconds after which a request that a client waits for is given up. */
    readonly syncTimeoutS: number;
    /** The part of it in which it must have started; equal to it: no bound of its own. */
    readonly queueTimeoutS: number;
    /** Seconds that one attempt may run. */
    readonly runTimeoutS: number;
    /** Longest answer, all attempts together. */
    readonly maxAnswerTokens: number;
    readonly maxAnswerMb: number;
    /** Bodies and answers of one tenant that are stored at once, about. */
    readonly maxTenantMb: number;
    /** Memory of Redis above which no new work is accepted; undefined: a share of what Redis may use. */
    readonly maxStoredMb?: number | undefined;
  };
  readonly scheduling: SchedulingConfig;
  readonly webhooks: WebhooksConfig;
  /** Where files are kept; without a bucket, in the data folder. */
  readonly files: { readonly s3?: S3Config | undefined };
  /** Seconds that finished work is kept; `deadS`: requests that failed for good, with their bodies. */
  readonly retention: { readonly syncS: number; readonly jobsS: number; readonly deadS: number };
}

/** A worker has no use for the artifact, and its machine may not hold it. */
export interface LoadOptions {
  readonly needsArtifact?: boolean;
}

/**
 * Reads and checks expert-router.yaml; relative paths in it are relative to its folder.
 * @throws ConfigError with every problem of the file.
 */
export function loadSystemConfig(path: string, options: LoadOptions = {}): SystemConfig {
  const absolute = resolve(path);
  const source = new YamlSource(readText(absolute));
  if (source.problems.length > 0) throw new ConfigError(absolute, source.problems);
  const parsed = systemSchema.safeParse(source.value);
  const problems = [
    ...(parsed.success ? [] : schemaProblems(systemSchema, parsed.error)),
    ...systemRuleProblems(source.value),
    ...((options.needsArtifact ?? true) ? artifactProblems(source.value, dirname(absolute)) : []),
  ];
  if (!parsed.success || problems.length > 0) {
    throw new ConfigError(
      absolute,
      problems.map((problem) => sentence(problem, source)),
    );
  }
  return toSystemConfig(parsed.data, absolute);
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    const reason = missing ? "there is no such file" : (error as Error).message;
    throw new ConfigError(path, [`${reason}; EXPERT_ROUTER_CONFIG names the file to use`]);
  }
}

/** `line 12: experts[1].engine.kind: …` */
function sentence({ path, message }: Problem, source: YamlSource): string {
  const line = source.lineOf(path);
  const key = path
    .map((step) => (typeof step === "number" ? `[${step}]` : `.${String(step)}`))
    .join("")
    .slice(1);
  return `${line === undefined ? "" : `line ${line}: `}${key === "" ? "the file" : key}: ${message}`;
}

function artifactProblems(value: unknown, folder: string): Problem[] {
  const artifact = (value as { router?: { artifact?: unknown } } | null | undefined)?.router?.artifact;
  if (typeof artifact !== "string" || artifact === "") return [];
  const manifest = join(resolve(folder, artifact), "router.json");
  if (existsSync(manifest)) return [];
  const advice = "'expert-router train' makes an artifact";
  return [
    {
      path: ["router", "artifact"],
      message: `there is no router artifact: ${manifest} is missing; ${advice}`,
    },
  ];
}

function toSystemConfig(file: SystemFile, path: string): SystemConfig {
  const { router, limits, retention, webhooks } = file;
  return {
    path,
    ...(router !== undefined && {
      router: {
        artifact: resolve(dirname(path), router.artifact),
        threshold: router.threshold,
        spillMargin: router.spill_margin,
        stickiness: router.stickiness,
        ...(router.keep_prompts !== undefined && { keepPrompts: router.keep_prompts }),
      },
    }),
    fallback: file.fallback,
    experts: file.experts.map(toExpertConfig),
    limits: {
      maxAttempts: limits.max_attempts,
      jobLockS: limits.job_lock_s,
      syncTimeoutS: limits.sync_timeout_s,
      queueTimeoutS: limits.queue_timeout_s ?? limits.sync_timeout_s,
      runTimeoutS: limits.run_timeout_s,
      maxAnswerTokens: limits.max_answer_tokens,
      maxAnswerMb: limits.max_answer_mb,
      maxTenantMb: limits.max_tenant_mb,
      ...(limits.max_stored_mb !== undefined && { maxStoredMb: limits.max_stored_mb }),
    },
    scheduling: toSchedulingConfig(file.scheduling),
    webhooks: {
      allowPrivate: webhooks.allow_private,
      allowHttp: webhooks.allow_http,
      timeoutMs: webhooks.timeout_s * 1_000,
      firstRetryMs: webhooks.first_retry_s * 1_000,
      maxAttempts: webhooks.max_attempts,
    },
    files: file.files.s3 === undefined ? {} : { s3: toS3Config(file.files.s3) },
    retention: { syncS: retention.sync_s, jobsS: retention.jobs_s, deadS: retention.dead_s },
  };
}

function toS3Config({ path_style: pathStyle, ...s3 }: NonNullable<SystemFile["files"]["s3"]>): S3Config {
  return { ...s3, pathStyle };
}

function toExpertConfig({ engine, ...expert }: ExpertEntry): ExpertConfig {
  return {
    ...expert,
    engine: {
      kind: engine.kind,
      url: withoutTrailingSlash(engine.url),
      model: engine.model,
      concurrency: engine.concurrency,
      ...(engine.api_key !== undefined && { apiKey: engine.api_key }),
      firstTokenTimeoutMs: engine.first_token_timeout_ms,
      interTokenTimeoutMs: engine.inter_token_timeout_ms,
    },
  };
}

function toSchedulingConfig({
  headroom,
  classes,
  default_tenant,
  tenants,
}: SystemFile["scheduling"]): SchedulingConfig {
  return {
    headroom,
    classes: {
      interactive: toClassConfig(classes.interactive),
      async: toClassConfig(classes.async),
      batch: toClassConfig(classes.batch),
    },
    defaultTenant: toTenantShare(default_tenant),
    tenants: new Map(
      tenants.map((tenant) => [
        tenant.user === undefined ? keyTenant(tenant.key_sha256!.toLowerCase()) : userTenant(tenant.user),
        toTenantShare(tenant),
      ]),
    ),
  };
}

function toClassConfig(entry: SystemFile["scheduling"]["classes"]["batch"]): ClassConfig {
  return {
    minShare: entry.min_share,
    maxQueued: entry.max_queued,
    ...(entry.max_wait_s !== undefined && { maxWaitS: entry.max_wait_s }),
  };
}

function toTenantShare(entry: SystemFile["scheduling"]["default_tenant"]): TenantShare {
  return {
    weight: entry.weight,
    ...(entry.max_running !== undefined && { maxRunning: entry.max_running }),
    ...(entry.max_waiting !== undefined && { maxWaiting: entry.max_waiting }),
  };
}

/** Paths are appended to it. */
export function withoutTrailingSlash(url: string): string {
  return url.replace(/\/+$/, "");
}

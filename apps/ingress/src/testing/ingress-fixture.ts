/** An ingress on fake ports, for specs. */
import "reflect-metadata";
import type { IngressSettings } from "@expert-router/config";
import type { RequestId } from "@expert-router/contracts";
import { Lifecycle } from "@expert-router/lifecycle";
import { createLogger, createMetrics } from "@expert-router/telemetry";
import type { NestFastifyApplication } from "@nestjs/platform-fastify";
import { OpenAnswers } from "../answers/open-answers.js";
import { BatchWatch } from "../batches/batch-watch.js";
import { QueuePlaces } from "../answers/queue-places.js";
import { StorageAdmission } from "../admission/storage-admission.js";
import { ExpertMonitor } from "../experts/expert-monitor.js";
import { createIngressApp } from "../ingress-app.js";
import { IngressModule } from "../ingress.module.js";
import { JobDesk } from "../jobs/job-desk.js";
import { WebhookDesk } from "../webhooks/webhook-desk.js";
import { defaultTuning, type IngressContext, type IngressTuning } from "../wiring/ingress-options.js";
import { fakePorts, type FakePorts } from "./fake-ports.js";

export interface IngressFixture {
  readonly app: NestFastifyApplication;
  readonly ports: FakePorts;
  readonly context: IngressContext;
  readonly logLines: string[];
  readonly open: OpenAnswers;
  /** POST of a JSON body. */
  post(
    url: string,
    body: unknown,
    headers?: Record<string, string>,
  ): ReturnType<NestFastifyApplication["inject"]>;
  get(url: string, headers?: Record<string, string>): ReturnType<NestFastifyApplication["inject"]>;
  /** The id of the next request that arrives on a queue. */
  queued(expert?: string): Promise<RequestId>;
  close(): Promise<void>;
}

export interface FixtureOptions {
  readonly apiKeys?: string[];
  /** Bound of each class. */
  readonly maxQueued?: number;
  /** Requests of one tenant that may wait at one expert. */
  readonly maxWaiting?: number;
  readonly syncTimeoutS?: number;
  readonly queueTimeoutS?: number;
  readonly spillMargin?: number;
  readonly tuning?: Partial<IngressTuning>;
}

export async function startIngress(options: FixtureOptions = {}): Promise<IngressFixture> {
  const experts = ["code", "general"];
  const ports = fakePorts(experts);
  const logLines: string[] = [];
  const context: IngressContext = {
    ingressId: "test",
    settings: settings(experts, options),
    tuning: { ...defaultTuning, ...options.tuning },
    lifecycle: new Lifecycle(),
    metrics: createMetrics({ defaultMetrics: false }),
    logger: createLogger({
      name: "ingress",
      level: "debug",
      destination: { write: (line) => void logLines.push(line) },
    }),
  };
  const app = await createIngressApp(IngressModule.withPorts(context, ports), context);
  await app.get(ExpertMonitor).start();
  await app.get(StorageAdmission).start();
  app.get(JobDesk).start();
  await app.get(WebhookDesk).start();
  app.get(BatchWatch).start();
  app.get(QueuePlaces).start();
  context.lifecycle.ready();
  return {
    app,
    ports,
    context,
    logLines,
    open: app.get(OpenAnswers),
    post: (url, body, headers = {}) =>
      app.inject({
        method: "POST",
        url,
        payload: JSON.stringify(body),
        headers: { "content-type": "application/json", ...headers },
      }),
    get: (url, headers = {}) => app.inject({ method: "GET", url, headers }),
    queued: async (expert = "general") => {
      const deadline = Date.now() + 5_000;
      for (;;) {
        const job = ports.queues.get(expert)!.jobs.at(-1);
        if (job !== undefined) return job.id;
        if (Date.now() > deadline) throw new Error(`nothing was queued for '${expert}'`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
    close: async () => {
      await app.get(BatchWatch).stop();
      app.get(ExpertMonitor).stop();
      app.get(StorageAdmission).stop();
      app.get(JobDesk).stop();
      await app.get(WebhookDesk).stop();
      app.get(QueuePlaces).stop();
      await app.close();
      await ports.close();
    },
  };
}

function settings(experts: readonly string[], options: FixtureOptions): IngressSettings {
  const { apiKeys = [], maxQueued = 3, maxWaiting, syncTimeoutS = 600, spillMargin } = options;
  const engine = {
    kind: "sim",
    url: "http://127.0.0.1:1",
    model: "simulated",
    concurrency: 4,
    firstTokenTimeoutMs: 1,
    interTokenTimeoutMs: 1,
  } as const;
  return {
    host: "127.0.0.1",
    port: 0,
    redisUrl: "redis://127.0.0.1:1",
    apiKeys,
    dataDir: "/nonexistent",
    files: { kind: "file-system", folder: "/nonexistent/files" },
    logLevel: "debug",
    drainTimeoutMs: 9_000,
    system: {
      path: "/nonexistent/expert-router.yaml",
      fallback: "general",
      ...(spillMargin !== undefined && {
        router: { artifact: "/nonexistent", threshold: 0.45, spillMargin, stickiness: 0 },
      }),
      experts: experts.map((id) => ({ id, domains: [id], clusters: [], engine })),
      limits: {
        maxAttempts: 3,
        jobLockS: 60,
        syncTimeoutS,
        queueTimeoutS: options.queueTimeoutS ?? syncTimeoutS,
        runTimeoutS: 600,
        maxAnswerTokens: 1_000,
        maxAnswerMb: 1,
        maxTenantMb: 1,
      },
      scheduling: {
        headroom: 0.1,
        classes: {
          interactive: { minShare: 0, maxQueued },
          async: { minShare: 0.1, maxQueued },
          batch: { minShare: 0.05, maxQueued },
        },
        defaultTenant: { weight: 1, ...(maxWaiting !== undefined && { maxWaiting }) },
        tenants: new Map(),
      },
      webhooks: {
        allowPrivate: false,
        allowHttp: false,
        timeoutMs: 1_000,
        firstRetryMs: 100,
        maxAttempts: 3,
      },
      files: {},
      retention: { syncS: 600, jobsS: 86_400, deadS: 604_800 },
    },
  };
}

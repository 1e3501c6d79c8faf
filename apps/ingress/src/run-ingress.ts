import "reflect-metadata";
import { randomUUID } from "node:crypto";
import type { IngressSettings } from "@expert-router/config";
import { Lifecycle, type LifecycleOptions } from "@expert-router/lifecycle";
import { createLogger, createMetrics, type Logger } from "@expert-router/telemetry";
import type { NestFastifyApplication } from "@nestjs/platform-fastify";
import { OpenAnswers } from "./answers/open-answers.js";
import { BatchWatch } from "./batches/batch-watch.js";
import { QueuePlaces } from "./answers/queue-places.js";
import { StorageAdmission } from "./admission/storage-admission.js";
import { ExpertMonitor } from "./experts/expert-monitor.js";
import { FileSweep } from "./files/file-sweep.js";
import { createIngressApp } from "./ingress-app.js";
import { IngressModule } from "./ingress.module.js";
import { JobDesk } from "./jobs/job-desk.js";
import { startRouterLife, type RouterLife } from "./routing/router-life.js";
import { WebhookDesk } from "./webhooks/webhook-desk.js";
import { boundHeapGrowth } from "./wiring/heap-growth.js";
import { INGRESS_PORTS } from "./wiring/injection-tokens.js";
import { defaultTuning, type IngressContext } from "./wiring/ingress-options.js";
import type { IngressPorts } from "./wiring/ports.js";

/** Part of the drain deadline that open streams may use; the rest is for telling those that stay, and for closing. */
const streamsShareOfDrain = 2 / 3;

/** An ingress that listens. */
export interface RunningIngress {
  readonly url: string;
  readonly lifecycle: Lifecycle;
}

/** Starts the ingress. Rejects if Redis does not answer, the router artifact is broken, or the port is taken. */
export async function runIngress(settings: IngressSettings): Promise<RunningIngress> {
  boundHeapGrowth();
  const logger = createLogger({ name: "ingress", level: settings.logLevel });
  const context: IngressContext = {
    ingressId: randomUUID(),
    settings,
    tuning: defaultTuning,
    lifecycle: new Lifecycle({ ...lifecycleListeners(logger), drainTimeoutMs: settings.drainTimeoutMs }),
    metrics: createMetrics(),
    logger,
  };
  const life = await startRouterLife(context);
  const app = await createIngressApp(IngressModule.forRoot(context, life.router), context);
  const ports = app.get<IngressPorts>(INGRESS_PORTS, { strict: false });
  await ports.follower.start();
  await app.get(ExpertMonitor).start();
  await app.get(StorageAdmission).start();
  app.get(JobDesk).start();
  await app.get(WebhookDesk).start();
  app.get(BatchWatch).start();
  app.get(FileSweep).start();
  app.get(QueuePlaces).start();
  context.lifecycle.addReadinessCheck("redis", () => ports.redisAnswers());
  addDrainSteps(context, app, ports, life);
  await app.listen(settings.port, settings.host);
  context.lifecycle.ready();
  const url = await app.getUrl();
  logger.info(
    { url, experts: settings.system.experts.length, routerVersion: life.router.version },
    "the ingress listens",
  );
  return { url, lifecycle: context.lifecycle };
}

/** The state `draining` makes /readyz and new requests answer 503 from the first moment. */
function addDrainSteps(
  { lifecycle, settings }: IngressContext,
  app: NestFastifyApplication,
  ports: IngressPorts,
  life: RouterLife,
): void {
  lifecycle.onDrain("end open answers", (signal) =>
    app.get(OpenAnswers).drain(settings.drainTimeoutMs * streamsShareOfDrain, signal),
  );
  lifecycle.onDrain("leave batches to others", () => app.get(BatchWatch).stop());
  lifecycle.onDrain("stop watching", async () => {
    app.get(ExpertMonitor).stop();
    app.get(StorageAdmission).stop();
    app.get(JobDesk).stop();
    await app.get(WebhookDesk).stop();
    app.get(FileSweep).stop();
    app.get(QueuePlaces).stop();
    await ports.follower.stop();
    await life.stop();
  });
  lifecycle.onDrain("close the server", () => app.close());
  lifecycle.onDrain("close Redis and the router", async () => {
    await ports.close();
    await life.close();
  });
}

function lifecycleListeners(logger: Logger): LifecycleOptions {
  return {
    onDrainStart: (reason) => logger.info({ reason }, "draining"),
    onDrainStep: ({ name, durationMs, error }) => {
      if (error === undefined) logger.debug({ step: name, durationMs }, "drained");
      else logger.warn({ step: name, durationMs, err: error }, "a step of the drain failed");
    },
  };
}

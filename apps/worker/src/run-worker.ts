import "reflect-metadata";
import type { WorkerSettings } from "@expert-router/config";
import { Lifecycle, startOpsServer } from "@expert-router/lifecycle";
import type { Logger } from "@expert-router/telemetry";
import { NestFactory } from "@nestjs/core";
import { LOGGER } from "./tokens.js";
import { WorkerModule } from "./worker.module.js";
import { WorkerService } from "./worker.service.js";

/** A worker that runs. */
export interface RunningWorker {
  readonly lifecycle: Lifecycle;
  /** Where `/healthz`, `/readyz` and `/metrics` are. */
  readonly opsUrl: string;
}

/** Starts the worker of one inference server. Rejects if Redis does not answer. */
export async function runWorker(settings: WorkerSettings): Promise<RunningWorker> {
  const container = await NestFactory.createApplicationContext(WorkerModule.forRoot(settings), {
    logger: ["error", "warn"],
    abortOnError: false,
  });
  const logger = container.get<Logger>(LOGGER);
  const worker = container.get(WorkerService);
  const lifecycle = new Lifecycle({
    drainTimeoutMs: settings.drainTimeoutMs,
    onDrainStart: (reason) => logger.info({ reason }, "draining"),
    onDrainStep: ({ name, durationMs, error }) => {
      if (error === undefined) logger.debug({ step: name, durationMs }, "drained");
      else logger.warn({ step: name, durationMs, err: error }, "a step of the drain failed");
    },
  });
  const ops = await startOpsServer({
    host: settings.opsHost,
    port: settings.opsPort,
    lifecycle,
    metrics: worker.metrics,
  });
  await worker.start(lifecycle);
  lifecycle.onDrain("close the container", () => container.close());
  lifecycle.onDrain("close the health server", () => ops.close());
  lifecycle.ready();
  const opsUrl = `http://${settings.opsHost}:${ops.port}`;
  logger.info({ opsUrl, engineHealthy: worker.engineHealthy }, "the worker pulls");
  return { lifecycle, opsUrl };
}

import { Module, type DynamicModule, type Provider } from "@nestjs/common";
import { APP_FILTER } from "@nestjs/core";
import { OpenAnswers } from "./answers/open-answers.js";
import { BatchDesk } from "./batches/batch-desk.js";
import { BatchWatch } from "./batches/batch-watch.js";
import { BatchesController } from "./batches/batches.controller.js";
import { LineRequests } from "./batches/line-requests.js";
import { OpenBatches } from "./batches/open-batches.js";
import { QueuePlaces } from "./answers/queue-places.js";
import { CompletionsController } from "./completions/completions.controller.js";
import { ExpertChooser } from "./completions/expert-chooser.js";
import { LostRequests } from "./completions/lost-requests.js";
import { RepeatedRequests } from "./completions/repeated-request.js";
import { RequestObservers } from "./completions/request-observers.js";
import { Spillover } from "./completions/spillover.js";
import { RequestIntake } from "./completions/request-intake.js";
import { Admission } from "./admission/admission.js";
import { StorageAdmission } from "./admission/storage-admission.js";
import { ExpertMonitor } from "./experts/expert-monitor.js";
import { ExpertsController } from "./experts/experts.controller.js";
import { FileDesk } from "./files/file-desk.js";
import { FileSweep } from "./files/file-sweep.js";
import { FilesController } from "./files/files.controller.js";
import { ErrorFilter } from "./http/error-filter.js";
import { IdempotentWork } from "./idempotency/idempotent-work.js";
import { JobDesk } from "./jobs/job-desk.js";
import { LostJobs } from "./jobs/lost-jobs.js";
import { JobsController } from "./jobs/jobs.controller.js";
import { ForegroundResponses } from "./responses/foreground-responses.js";
import { ResponseDesk } from "./responses/response-desk.js";
import { ResponseIntake } from "./responses/response-intake.js";
import { ResponsesController } from "./responses/responses.controller.js";
import { ModelsController } from "./system/models.controller.js";
import { OperationsController } from "./system/operations.controller.js";
import { WebhookDesk } from "./webhooks/webhook-desk.js";
import { INGRESS_CONTEXT, INGRESS_PORTS } from "./wiring/injection-tokens.js";
import type { IngressContext } from "./wiring/ingress-options.js";
import type { IngressPorts, PromptRouter } from "./wiring/ports.js";
import { RedisPortsModule } from "./wiring/redis-ports.module.js";

/** The ingress: HTTP in front of the queues. */
@Module({})
export class IngressModule {
  /** With the queues, requests and tokens in the Redis that the settings name. */
  static forRoot(context: IngressContext, router: PromptRouter): DynamicModule {
    return { ...parts(context), imports: [RedisPortsModule.forRoot(context, router)] };
  }

  /** With ports that the caller made. */
  static withPorts(context: IngressContext, ports: IngressPorts): DynamicModule {
    return parts(context, { provide: INGRESS_PORTS, useValue: ports });
  }
}

function parts(context: IngressContext, ...more: Provider[]): DynamicModule {
  return {
    module: IngressModule,
    controllers: [
      CompletionsController,
      JobsController,
      ResponsesController,
      FilesController,
      BatchesController,
      ModelsController,
      ExpertsController,
      OperationsController,
    ],
    providers: [
      { provide: INGRESS_CONTEXT, useValue: context },
      { provide: APP_FILTER, useClass: ErrorFilter },
      OpenAnswers,
      QueuePlaces,
      ExpertMonitor,
      Spillover,
      ExpertChooser,
      RequestIntake,
      IdempotentWork,
      RepeatedRequests,
      RequestObservers,
      ResponseDesk,
      ResponseIntake,
      ForegroundResponses,
      StorageAdmission,
      Admission,
      LostRequests,
      LostJobs,
      JobDesk,
      WebhookDesk,
      OpenBatches,
      FileDesk,
      FileSweep,
      BatchDesk,
      LineRequests,
      BatchWatch,
      ...more,
    ],
  };
}

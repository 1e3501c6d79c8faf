export { BullmqExpertConsumer, type ConsumerOptions } from "./bullmq-expert-consumer.js";
export { BullmqExpertQueue } from "./bullmq-expert-queue.js";
export { bullmqJobOptions, bullmqQueueSettings } from "./bullmq-settings.js";
export { queuedJob } from "./expert-queue.js";
export type {
  Admission,
  AdmissionClaim,
  JobSum,
  QueueFigures,
  QueuePlace,
  ExpertConsumer,
  ExpertQueue,
  JobOutcome,
  QueuedJob,
  TakenJob,
  WorkerRegistry,
} from "./expert-queue.js";
export { plainPolicy, type SchedulingPolicy, type TenantPolicy } from "./scheduling-policy.js";
export { RedisWorkerRegistry, type WorkerRegistryOptions } from "./redis-worker-registry.js";

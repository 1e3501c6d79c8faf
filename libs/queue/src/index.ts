export { BullmqExpertConsumer, type ConsumerOptions } from "./bullmq-expert-consumer.js";
export { BullmqExpertQueue, bullmqJobOptions, bullmqQueueSettings } from "./bullmq-expert-queue.js";
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
export { RedisWorkerRegistry, type WorkerRegistryOptions } from "./redis-worker-registry.js";

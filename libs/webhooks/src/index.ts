export { AttemptsUnderWay, attemptsAtOnce, type AttemptPlace } from "./attempts-under-way.js";
export { BullmqDeliveryQueue, type DeliveryQueueOptions } from "./bullmq-delivery-queue.js";
export type { DeliveryAttempt, DeliveryOutcome, DeliveryQueue, RetryPlan } from "./delivery-queue.js";
export { isPublicAddress, literalAddress } from "./public-address.js";
export { RedisWebhookRecords, type WebhookRecords } from "./webhook-records.js";
export { WebhookSender, type SenderOptions, type SendResult, type WebhookMessage } from "./webhook-sender.js";

/** The queue and the records of webhooks once more, on a Redis Cluster. */
import { startCluster } from "@expert-router/testing";
import { webhookServers } from "./testing/webhook-servers.js";

webhookServers.start = () => startCluster({ replicas: false });
await import("./delivery-queue.redis.spec.js");

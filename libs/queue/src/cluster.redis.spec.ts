/** Everything about queues once more, on a Redis Cluster. */
import { startCluster } from "@expert-router/testing";
import { queueServers } from "./testing/queue-servers.js";

queueServers.start = () => startCluster({ replicas: false });
await import("./bullmq-expert-queue.redis.spec.js");
await import("./order/service-order.redis.spec.js");
await import("./order/admission.redis.spec.js");

/** Everything about the token log once more, on a Redis Cluster. */
import { startCluster } from "@expert-router/testing";
import { logServers } from "./testing/log-fixture.js";

logServers.start = () => startCluster({ replicas: false });
await import("./token-log.redis.spec.js");
await import("./kept-records.redis.spec.js");
await import("./redis-idempotency-keys.redis.spec.js");
await import("./log-faults.redis.spec.js");
await import("./log-losses.redis.spec.js");

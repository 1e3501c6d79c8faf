/** Everything about the router's state once more, on a Redis Cluster. */
import { startCluster } from "@expert-router/testing";
import { stateServers } from "./testing/state-servers.js";

stateServers.start = () => startCluster({ replicas: false });
await import("./router-state.redis.spec.js");

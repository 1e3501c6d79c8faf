export { findFreePort, isPortFree } from "@expert-router/redis-server";
export { FaultProxy, type ProxyMode } from "./fault-proxy.js";
export { startRedis, type TestRedis, type TestRedisOptions } from "./start-redis.js";
export { waitFor, type WaitOptions } from "./wait-for.js";
export { startCluster, type TestCluster, type TestClusterOptions } from "./start-cluster.js";
export { startSentinel, type TestSentinel } from "./start-sentinel.js";

export { findFreePort, isPortFree } from "@expert-router/redis-server";
export { FaultProxy, type ProxyMode } from "./fault-proxy.js";
export { startRedis, type TestRedis, type TestRedisOptions } from "./start-redis.js";
export { waitFor, type WaitOptions } from "./wait-for.js";

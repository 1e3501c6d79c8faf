export { findFreePort, isPortFree } from "@expert-router/redis-server";
export { startRedis, type TestRedis, type TestRedisOptions } from "./start-redis.js";
export { waitFor, type WaitOptions } from "./wait-for.js";

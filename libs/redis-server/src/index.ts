export { findFreePort, isPortFree } from "./free-port.js";
export { findKeptRedis, FolderInUseError, keepRedis, type KeptRedis } from "./kept-redis.js";
export { findRedisBinary, provideRedisBinary, RedisMissingError } from "./redis-binary.js";
export { askRedis } from "./redis-probe.js";
export { startRedisServer, type RedisServer, type RedisServerOptions } from "./redis-server.js";

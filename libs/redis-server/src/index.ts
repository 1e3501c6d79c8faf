export { findFreePort, isPortFree } from "./free-port.js";
export { FolderInUseError, lockFolder, type FolderLock } from "./folder-lock.js";
export { findKeptRedis, keepRedis, type KeptRedis } from "./kept-redis.js";
export { findRedisBinary, provideRedisBinary, RedisMissingError } from "./redis-binary.js";
export { askRedis } from "./redis-probe.js";
export { startRedisServer, type RedisServer, type RedisServerOptions } from "./redis-server.js";

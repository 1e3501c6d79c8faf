import { isCluster, type RedisClient } from "@expert-router/redis";
import type { Redis } from "ioredis";

/** Memory of Redis, in bytes. */
export interface StoreMemory {
  readonly usedBytes: number;
  /** Its `maxmemory`; 0: none. */
  readonly maxBytes: number;
  /** Of the machine it runs on. */
  readonly machineBytes: number;
}

/** Asks Redis for its memory; a cluster for that of its masters together. */
export async function readStoreMemory(redis: RedisClient): Promise<StoreMemory> {
  const nodes = isCluster(redis) ? redis.nodes("master") : [redis];
  const memories = await Promise.all(nodes.map(memoryOf));
  const sum = (of: keyof StoreMemory): number => memories.reduce((total, memory) => total + memory[of], 0);
  return { usedBytes: sum("usedBytes"), maxBytes: sum("maxBytes"), machineBytes: sum("machineBytes") };
}

async function memoryOf(redis: Pick<Redis, "info">): Promise<StoreMemory> {
  const text = await redis.info("memory");
  const field = (name: string): number => Number(new RegExp(`^${name}:(\\d+)`, "m").exec(text)?.[1] ?? 0);
  return {
    usedBytes: field("used_memory"),
    maxBytes: field("maxmemory"),
    machineBytes: field("total_system_memory"),
  };
}

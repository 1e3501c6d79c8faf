import type { Redis } from "ioredis";

/** Memory of Redis, in bytes. */
export interface StoreMemory {
  readonly usedBytes: number;
  /** Its `maxmemory`; 0: none. */
  readonly maxBytes: number;
  /** Of the machine it runs on. */
  readonly machineBytes: number;
}

/** Asks Redis for its memory. */
export async function readStoreMemory(redis: Pick<Redis, "info">): Promise<StoreMemory> {
  const text = await redis.info("memory");
  const field = (name: string): number => Number(new RegExp(`^${name}:(\\d+)`, "m").exec(text)?.[1] ?? 0);
  return {
    usedBytes: field("used_memory"),
    maxBytes: field("maxmemory"),
    machineBytes: field("total_system_memory"),
  };
}

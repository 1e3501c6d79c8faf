import type { ConnectionOptions } from "@expert-router/redis";
import type { IngressContext } from "./ingress-options.js";

/** Name and error log of one of the process's Redis connections. */
export function connectionOptions(
  { logger }: IngressContext,
  purpose: string,
): Omit<ConnectionOptions, "mode"> {
  return {
    name: `expert-router-ingress-${purpose}`,
    onError: (error) => logger.warn({ err: error, purpose }, "the Redis connection failed"),
  };
}

import { defaultTenant, userTenant } from "@expert-router/contracts";
import type { FastifyRequest } from "fastify";

declare module "fastify" {
  interface FastifyRequest {
    /** Who asks: owner of jobs. Set by the front door. */
    tenant: string;
    /** Length of the body, about. Set by the front door. */
    bodyBytes: number;
  }
}

/**
 * The tenant that a waiting request counts for in scheduling. On an open server, where nobody shows a key, the
 * `user` field tells clients apart; a job cannot use it, because reading a job sends no body.
 */
export function syncTenant(request: FastifyRequest, body: Readonly<Record<string, unknown>>): string {
  const { user } = body;
  if (request.tenant !== defaultTenant || typeof user !== "string" || user === "") return request.tenant;
  return userTenant(user);
}

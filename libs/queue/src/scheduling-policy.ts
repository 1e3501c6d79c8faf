import type { PriorityClass } from "@expert-router/contracts";

/** What one tenant may have at one expert. */
export interface TenantPolicy {
  /** Tenants of one class get tokens in proportion to it. */
  readonly weight: number;
  /** Jobs of it that run at once at most; undefined: any number. */
  readonly maxRunning?: number | undefined;
}

/** Who is served when. All processes of a system should have the same. */
export interface SchedulingPolicy {
  /** Share of a worker's places that batch work leaves free for interactive requests, 0 to 0.9. */
  readonly headroom: number;
  /** `minShare`: of an expert's tokens, guaranteed while all classes want more than there is. */
  readonly classes: Readonly<Record<PriorityClass, { readonly minShare: number }>>;
  readonly defaultTenant: TenantPolicy;
  readonly tenants: ReadonlyMap<string, TenantPolicy>;
}

/** Classes one after the other, all tenants alike. */
export const plainPolicy: SchedulingPolicy = {
  headroom: 0,
  classes: { interactive: { minShare: 0 }, async: { minShare: 0 }, batch: { minShare: 0 } },
  defaultTenant: { weight: 1 },
  tenants: new Map(),
};

/** What `tenant` may have. */
export function tenantPolicy(policy: SchedulingPolicy, tenant: string): TenantPolicy {
  return policy.tenants.get(tenant) ?? policy.defaultTenant;
}

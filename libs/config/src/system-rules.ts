/** Something wrong at a place of the file. */
export interface Problem {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** Names that mean something else where an expert's id could stand. */
const reservedIds = new Set(["auto"]);

/**
 * The rules between keys. They read the unvalidated value and skip what the schema complains about anyway, so that
 * one run reports both kinds of problems.
 */
export function systemRuleProblems(value: unknown): Problem[] {
  const file = asObject(value);
  if (file === undefined) return [];
  const experts = Array.isArray(file["experts"]) ? file["experts"].map(asObject) : [];
  return [
    ...repeatedIds(experts),
    ...repeatedClaims(experts, "domains"),
    ...repeatedClaims(experts, "clusters"),
    ...fallbackProblems(file["fallback"], experts),
    ...routerProblems(file, experts),
    ...schedulingProblems(asObject(file["scheduling"])),
    ...budgetProblems(asObject(file["limits"])),
  ];
}

type Expert = Record<string, unknown> | undefined;

function repeatedIds(experts: readonly Expert[]): Problem[] {
  const seen = new Set<string>();
  return experts.flatMap((expert, index): Problem[] => {
    const id = expert?.["id"];
    if (typeof id !== "string") return [];
    const path = ["experts", index, "id"];
    if (reservedIds.has(id))
      return [{ path, message: `'${id}' is reserved: as a model name it asks for routing` }];
    if (seen.has(id)) return [{ path, message: `'${id}' is the id of an earlier expert` }];
    seen.add(id);
    return [];
  });
}

function repeatedClaims(experts: readonly Expert[], key: "domains" | "clusters"): Problem[] {
  const owners = new Map<unknown, string>();
  return experts.flatMap((expert, index): Problem[] => {
    const claims = expert?.[key];
    if (!Array.isArray(claims)) return [];
    return claims.flatMap((claim: unknown, place): Problem[] => {
      const owner = owners.get(claim);
      const noun = key === "domains" ? "domain" : "cluster";
      const path = ["experts", index, key, place];
      if (owner !== undefined)
        return [{ path, message: `${noun} '${String(claim)}' is claimed by expert '${owner}' already` }];
      owners.set(claim, typeof expert?.["id"] === "string" ? expert["id"] : `number ${index + 1}`);
      return [];
    });
  });
}

function fallbackProblems(fallback: unknown, experts: readonly Expert[]): Problem[] {
  if (typeof fallback !== "string" || experts.length === 0) return [];
  const ids = experts.map((expert) => expert?.["id"]).filter((id) => typeof id === "string");
  if (ids.includes(fallback)) return [];
  return [{ path: ["fallback"], message: `'${fallback}' is no expert; the experts are ${ids.join(", ")}` }];
}

function routerProblems(file: Record<string, unknown>, experts: readonly Expert[]): Problem[] {
  if (file["router"] !== undefined || experts.length < 2) return [];
  return [{ path: ["router"], message: "is missing; it may be left out only with a single expert" }];
}

/** Classes whose minimum shares leave nothing to share, and tenants that are there twice. */
function schedulingProblems(scheduling: Record<string, unknown> | undefined): Problem[] {
  const problems: Problem[] = [];
  const classes = Object.values(asObject(scheduling?.["classes"]) ?? {});
  const shares = classes.map((entry) => asObject(entry)?.["min_share"]).filter(isNumber);
  const sum = shares.reduce((total, share) => total + share, 0);
  if (sum > 1) {
    const message = `the minimum shares add up to ${Math.round(sum * 100) / 100}; there is only 1 to share`;
    problems.push({ path: ["scheduling", "classes"], message });
  }
  const tenants = scheduling?.["tenants"];
  const seen = new Set<string>();
  for (const [index, entry] of (Array.isArray(tenants) ? tenants.map(asObject) : []).entries()) {
    for (const key of ["user", "key_sha256"]) {
      const value = entry?.[key];
      if (typeof value !== "string") continue;
      const name = key === "user" ? `user ${value}` : value.toLowerCase();
      const path = ["scheduling", "tenants", index, key];
      if (seen.has(name)) problems.push({ path, message: "an earlier tenant is the same" });
      seen.add(name);
    }
  }
  return problems;
}

function budgetProblems(limits: Record<string, unknown> | undefined): Problem[] {
  const sync = limits?.["sync_timeout_s"] ?? 600;
  const queue = limits?.["queue_timeout_s"];
  if (!isNumber(sync) || !isNumber(queue) || queue <= sync) return [];
  const message = `${queue} s is more than a request may take in all (limits.sync_timeout_s, ${sync} s)`;
  return [{ path: ["limits", "queue_timeout_s"], message }];
}

function isNumber(value: unknown): value is number {
  return typeof value === "number";
}

function asObject(value: unknown): Record<string, unknown> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

import type { ClaimResult, IdempotencyKeys, KeyClaim } from "@expert-router/token-stream";

/** Keys in memory; a lease ends when a test says so. */
export class FakeIdempotencyKeys implements IdempotencyKeys {
  private readonly keys = new Map<string, { fingerprint: string; id: string; owner: string }>();

  endLeases(): void {
    for (const found of this.keys.values()) if (found.owner !== "") found.owner = "dead";
  }

  async claim({ tenant, key, fingerprint, id, owner, replaces }: KeyClaim): Promise<ClaimResult> {
    const name = `${tenant} ${key}`;
    const found = this.keys.get(name);
    const take = (mine: string): ClaimResult => {
      this.keys.set(name, { fingerprint, id: mine, owner });
      return { state: "mine", id: mine };
    };
    if (found === undefined) return take(id);
    const [made, same] = [found.owner === "", found.fingerprint === fingerprint];
    if (!made && !["dead", owner].includes(found.owner)) return { state: same ? "busy" : "other" };
    if (found.id === replaces && (made || !same)) return take(id);
    if (!same) return { state: "other", id: found.id };
    return made ? { state: "made", id: found.id } : take(found.id);
  }

  async made({ tenant, key, owner }: KeyClaim): Promise<void> {
    const found = this.keys.get(`${tenant} ${key}`);
    if (found?.owner === owner) found.owner = "";
  }

  async release({ tenant, key, owner }: KeyClaim): Promise<void> {
    if (this.keys.get(`${tenant} ${key}`)?.owner === owner) this.keys.delete(`${tenant} ${key}`);
  }
}

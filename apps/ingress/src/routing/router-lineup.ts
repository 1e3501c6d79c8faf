import { RouterError } from "@expert-router/classifier";
import {
  baseArtifact,
  type ArtifactReference,
  type ArtifactRefusal,
  type DeploymentPlan,
  type RouterDeployment,
  type RouterRole,
} from "@expert-router/contracts";
import type { ExpertRouter } from "@expert-router/embedder";

/** The routers that decide, as one value: a request takes it once, and sees no change in its middle. */
export interface Serving {
  readonly active: ExpertRouter;
  readonly candidate: ExpertRouter | undefined;
  readonly percent: number;
  readonly shadow: boolean;
}

/** Hears of every artifact that was to be loaded. */
export interface LineupListener {
  loaded(role: RouterRole, version: string | null): void;
  refused(refusal: ArtifactRefusal): void;
}

/** Loads the artifact at `path`; rejects with a RouterError if it is broken or does not fit the experts. */
export type LoadRouter = (path: string | undefined) => Promise<ExpertRouter>;

/** An artifact that was refused is tried again after this time: its folder may have arrived meanwhile. */
export const retryMs = 30_000;

interface Held {
  /** Undefined for the base artifact of a single expert. */
  readonly path: string | undefined;
  readonly router: ExpertRouter;
}

/**
 * The loaded routers of this process. A new one is loaded and verified beside the old one, takes its place in one step, and the
 * old one is closed when its last call has ended. One that is refused changes nothing.
 */
export class RouterLineup {
  private readonly refused = new Map<RouterRole, ArtifactRefusal>();
  /** Every router that is loaded and not retired. */
  private readonly open = new Set<ExpertRouter>();
  private readonly closing = new Set<Promise<void>>();
  private active: Held;
  private candidate: Held | undefined;
  private current: Serving;
  private plan: DeploymentPlan | undefined;
  private revisionSeen = 0;
  private queue: Promise<unknown> = Promise.resolve();

  private constructor(
    private base: Held,
    private readonly load: LoadRouter,
    private readonly listener: LineupListener,
  ) {
    this.active = base;
    this.open.add(base.router);
    this.current = this.snapshot();
  }

  /**
   * Loads the base artifact.
   * @throws RouterError if it is refused: there is no older one to stay with.
   */
  static async start(
    path: string | undefined,
    load: LoadRouter,
    listener: LineupListener,
  ): Promise<RouterLineup> {
    const router = await load(path);
    listener.loaded("base", router.version);
    return new RouterLineup({ path, router }, load, listener);
  }

  get serving(): Serving {
    return this.current;
  }

  get baseVersion(): string | null {
    return this.base.router.version;
  }

  /** Whether a deployment puts something else in the place of the base artifact. */
  get isOverridden(): boolean {
    return this.active !== this.base;
  }

  /** The newest revision that was acted on. */
  get revision(): number {
    return this.revisionSeen;
  }

  get refusals(): ArtifactRefusal[] {
    return [...this.refused.values()];
  }

  /** Whether the base artifact was refused long enough ago to be tried again. */
  isBaseDue(nowMs: number): boolean {
    const refusal = this.refused.get("base");
    return refusal !== undefined && nowMs - refusal.at_ms >= retryMs;
  }

  /** Serves by `deployment` as far as its artifacts can be served; the rest is in {@link refusals}. */
  async apply(deployment: RouterDeployment): Promise<void> {
    await this.inTurn(async () => {
      const { active, candidate } = deployment;
      const nextActive = active === baseArtifact ? this.base : await this.hold("active", active);
      if (active === baseArtifact) this.refused.delete("active");
      const nextCandidate = candidate === null ? undefined : await this.hold("candidate", candidate);
      if (candidate === null) this.refused.delete("candidate");
      this.active = nextActive ?? this.active;
      // The trial under way goes on as it was when the one that is to follow it is refused.
      if (candidate === null || nextCandidate !== undefined) {
        this.candidate = nextCandidate;
        this.plan = deployment;
      }
      this.revisionSeen = deployment.revision;
      this.swap();
    });
  }

  /** Loads what is now at the base artifact's path. */
  async reloadBase(): Promise<void> {
    await this.inTurn(async () => {
      const { path, router } = this.base;
      const fresh = await this.loadAs("base", path);
      if (fresh === undefined) return;
      // Only its files were touched, or a broken one was put right.
      if (fresh.version === router.version) return this.swap();
      const next = { path, router: fresh };
      if (this.active === this.base) this.active = next;
      this.base = next;
      this.listener.loaded("base", fresh.version);
      this.swap();
    });
  }

  /** Waits for the calls under way and frees every session. */
  async close(): Promise<void> {
    await this.inTurn(async () => {
      for (const router of this.open) this.retire(router);
    });
    await Promise.all(this.closing);
  }

  /** The router of an artifact: the one that is there already, or a new one; undefined if it is refused. */
  private async hold(role: RouterRole, artifact: ArtifactReference): Promise<Held | undefined> {
    const { path, version } = artifact;
    const there = this.held().find((held) => held.path === path && held.router.version === version);
    if (there !== undefined) {
      this.refused.delete(role);
      return there;
    }
    const router = await this.loadAs(role, path, version);
    if (router === undefined) return undefined;
    this.listener.loaded(role, router.version);
    return { path, router };
  }

  private async loadAs(
    role: RouterRole,
    path: string | undefined,
    version?: string,
  ): Promise<ExpertRouter | undefined> {
    try {
      const router = await this.load(path);
      this.open.add(router);
      if (version !== undefined && router.version !== version) {
        this.retire(router);
        throw new RouterError(
          "artifact_invalid",
          `${path} holds version ${router.version}, but ${version} was deployed: deploy it again`,
        );
      }
      this.refused.delete(role);
      return router;
    } catch (error) {
      const { code, message } = error as Partial<RouterError> & Error;
      const refusal = {
        role,
        path: path ?? "",
        code: code ?? "artifact_invalid",
        message,
        at_ms: Date.now(),
      };
      this.refused.set(role, refusal);
      this.listener.refused(refusal);
      return undefined;
    }
  }

  private held(): Held[] {
    return [this.base, this.active, ...(this.candidate === undefined ? [] : [this.candidate])];
  }

  /** From here on the next request sees the new routers; those that no request can reach any more are closed. */
  private swap(): void {
    this.current = this.snapshot();
    const reachable = new Set(this.held().map(({ router }) => router));
    for (const router of this.open) if (!reachable.has(router)) this.retire(router);
  }

  private snapshot(): Serving {
    return {
      active: this.active.router,
      candidate: this.candidate?.router,
      percent: this.plan?.percent ?? 0,
      shadow: this.plan?.shadow ?? false,
    };
  }

  private retire(router: ExpertRouter): void {
    this.open.delete(router);
    const closed = router
      .close()
      .catch(() => undefined)
      .finally(() => this.closing.delete(closed));
    this.closing.add(closed);
  }

  /** One change after the other: each sees what the one before it left. */
  private inTurn(change: () => Promise<void>): Promise<void> {
    const turn = this.queue.then(change);
    this.queue = turn.catch(() => undefined);
    return turn;
  }
}

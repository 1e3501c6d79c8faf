/** Routers without a model, for specs of what becomes of versions. */
import { RouterError, type ExpertDecision, type RouterManifest } from "@expert-router/classifier";
import type { ArtifactRefusal, RouterRole } from "@expert-router/contracts";
import type { ExpertRouter } from "@expert-router/embedder";
import type { LineupListener, LoadRouter } from "../routing/router-lineup.js";

/** A router that always chooses `expert`. */
export class FakeRouter {
  closed = false;
  failing = false;
  /** Texts that it was asked about. */
  readonly asked: (readonly string[])[] = [];
  /** Set to hold decisions back until it is called. */
  gate: Promise<void> | undefined;
  readonly manifest = {
    experts: ["code", "general"].map((name) => ({ name, label: name, prompts: 10 })),
    training: {},
  } as unknown as RouterManifest;

  constructor(
    readonly version: string,
    readonly expert = "code",
  ) {}

  async routeTurns(turns: readonly string[]): Promise<ExpertDecision> {
    if (this.closed) throw new Error("the router is closed");
    this.asked.push(turns);
    if (this.failing) throw new Error("the model failed");
    await this.gate;
    return {
      expert: this.expert,
      cluster: this.expert,
      clusterProbability: 0.8,
      features: 3,
      confidence: 0.8,
      candidates: [{ expert: this.expert, probability: 0.8 }],
      reason: "best-match",
      routerVersion: this.version,
    };
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}

/** Artifacts by path, to be loaded as {@link FakeRouter}s. */
export class FakeArtifacts implements LineupListener {
  readonly versions = new Map<string, string>();
  readonly loadedRouters: FakeRouter[] = [];
  readonly heard: string[] = [];
  /** Set to hold loading back until it is called. */
  gate: Promise<void> | undefined;

  readonly load: LoadRouter = async (path) => {
    const version = this.versions.get(path ?? "");
    await this.gate;
    if (version === undefined) throw new RouterError("artifact_corrupt", `${path} is broken`);
    const router = new FakeRouter(version, version.startsWith("general") ? "general" : "code");
    this.loadedRouters.push(router);
    return router as unknown as ExpertRouter;
  };

  loaded(role: RouterRole, version: string | null): void {
    this.heard.push(`${role} ${version}`);
  }

  refused({ role, message }: ArtifactRefusal): void {
    this.heard.push(`${role} refused: ${message}`);
  }

  /** Versions that are loaded and not closed. */
  get open(): string[] {
    return this.loadedRouters.filter(({ closed }) => !closed).map(({ version }) => version);
  }

  /** The last router loaded of `version`. */
  of(version: string): FakeRouter {
    const router = this.loadedRouters.findLast((one) => one.version === version);
    if (router === undefined) throw new Error(`${version} was never loaded`);
    return router;
  }
}

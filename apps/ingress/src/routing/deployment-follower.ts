import { hostname } from "node:os";
import type { RouterDeployment, RouterReplica } from "@expert-router/contracts";
import { retryMs, type RouterLineup } from "./router-lineup.js";

/** Where deployments come from and reports go. */
export interface DeploymentSource {
  read(): Promise<RouterDeployment>;
  report(replica: RouterReplica): Promise<void>;
  withdraw(id: string): Promise<void>;
}

/** Keeps the routers of this process in step with the deployment that all replicas share, and tells what it runs. */
export class DeploymentFollower {
  private readonly startedAtMs = Date.now();
  private triedAtMs = 0;
  private underWay: Promise<void> | undefined;
  private lookAgain = false;
  private stopped = false;

  constructor(
    private readonly ingressId: string,
    private readonly lineup: RouterLineup,
    private readonly source: DeploymentSource,
  ) {}

  /** Reads the deployment, acts on it if it is new, and reports. Calls made meanwhile are answered by one more look. */
  async follow(): Promise<void> {
    if (this.underWay !== undefined) {
      this.lookAgain = true;
      return this.underWay;
    }
    this.underWay = this.look();
    try {
      await this.underWay;
    } finally {
      this.underWay = undefined;
    }
  }

  /** Reports what this process runs now. Apart from {@link follow}, for loading a large artifact takes longer than a report lives. */
  async report(): Promise<void> {
    if (!this.stopped) await this.source.report(this.replica());
  }

  /** Takes the report back. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.underWay?.catch(() => undefined);
    await this.source.withdraw(this.ingressId);
  }

  private async look(): Promise<void> {
    do {
      this.lookAgain = false;
      const deployment = await this.source.read();
      if (this.isDue(deployment)) {
        this.triedAtMs = Date.now();
        await this.lineup.apply(deployment);
      }
      await this.report();
    } while (this.lookAgain && !this.stopped);
  }

  /** Any other number is news: a Redis that lost its data counts from 0 again. */
  private isDue({ revision }: RouterDeployment): boolean {
    if (revision !== this.lineup.revision) return true;
    const refused = this.lineup.refusals.some(({ role }) => role !== "base");
    return refused && Date.now() - this.triedAtMs >= retryMs;
  }

  private replica(): RouterReplica {
    const { active, candidate } = this.lineup.serving;
    return {
      id: this.ingressId,
      host: hostname(),
      pid: process.pid,
      started_at_ms: this.startedAtMs,
      revision: this.lineup.revision,
      versions: {
        base: this.lineup.baseVersion,
        active: active.version,
        candidate: candidate?.version ?? null,
      },
      refusals: this.lineup.refusals,
    };
  }
}

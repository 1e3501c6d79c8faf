import type { BatchId } from "@expert-router/contracts";
import { Inject, Injectable } from "@nestjs/common";
import { RequestIntake } from "../completions/request-intake.js";
import { StorageAdmission } from "../admission/storage-admission.js";
import { ExpertMonitor } from "../experts/expert-monitor.js";
import { repeat, type RepeatingTask } from "../experts/repeating-task.js";
import { FileDesk } from "../files/file-desk.js";
import { INGRESS_CONTEXT, INGRESS_PORTS } from "../wiring/injection-tokens.js";
import type { IngressContext } from "../wiring/ingress-options.js";
import type { IngressPorts } from "../wiring/ports.js";
import { BatchArchive, BatchTaken } from "./batch-archive.js";
import { BatchRun, type BatchRunParts } from "./batch-run.js";
import type { LineBound } from "./line-feed.js";
import { LineRequests } from "./line-requests.js";
import { OpenBatches, type OpenBatch } from "./open-batches.js";

/** Batches that one process runs at a time, and how many of them may be one tenant's. */
const maxRuns = 16;
const maxRunsOfTenant = 4;
/** Lines on their way to one expert at least and at most, of all batches of this process. */
const minWindowLines = 256;
const maxWindowLines = 8_192;
/** Bytes of all lines on their way, and of those of one batch to one expert at least. */
const windowBytes = 16 * 1_048_576;
const minWindowBytes = 262_144;
const boundsKeptMs = 1_000;
/** A run that failed is tried again after this time, doubled each time. */
const retryMs = 1_000;
const maxRetryMs = 60_000;
/** A mark without a batch is the rest of a call that broke off. */
const strayMarkMs = 600_000;

/** Why a run was stopped. */
class RunStopped extends Error {
  override readonly name = "RunStopped";
}

interface Failures {
  count: number;
  retryAtMs: number;
}

/** Runs the batches that no other process runs. */
@Injectable()
export class BatchWatch {
  private readonly runs = new Map<BatchId, { readonly run: BatchRun; readonly ended: Promise<void> }>();
  private readonly failures = new Map<BatchId, Failures>();
  private tasks: RepeatingTask[] = [];
  private stopped = false;
  /** As of {@link boundsAtMs}. */
  private knownBounds: ReadonlyMap<string, LineBound> = new Map();
  private boundsAtMs = 0;

  constructor(
    @Inject(INGRESS_CONTEXT) private readonly context: IngressContext,
    @Inject(INGRESS_PORTS) private readonly ports: IngressPorts,
    @Inject(OpenBatches) private readonly openBatches: OpenBatches,
    @Inject(LineRequests) private readonly lines: LineRequests,
    @Inject(RequestIntake) private readonly intake: RequestIntake,
    @Inject(ExpertMonitor) private readonly monitor: ExpertMonitor,
    @Inject(StorageAdmission) private readonly storage: StorageAdmission,
    @Inject(FileDesk) private readonly fileDesk: FileDesk,
  ) {}

  start(): void {
    const { batchLookMs, batchTickMs } = this.context.tuning;
    this.tasks = [
      repeat(
        batchLookMs,
        () => this.takeOpen(Date.now()),
        (error) => this.context.logger.warn({ err: error }, "batches cannot be looked for"),
      ),
      repeat(
        batchTickMs,
        () => this.tick(Date.now()),
        (error) => this.context.logger.debug({ err: error }, "a tick of batches failed"),
      ),
      // Not with the ticks: a slow store must not cost the lease.
      repeat(
        batchTickMs,
        () => this.renew(),
        (error) => this.context.logger.debug({ err: error }, "leases were not renewed"),
      ),
    ];
  }

  /** Hands every batch to another process: results are written down, requests go on. */
  async stop(): Promise<void> {
    this.stopped = true;
    for (const task of this.tasks) task.stop();
    for (const { run } of this.runs.values()) run.stop(new RunStopped("the process is ending"));
    await Promise.all([...this.runs.values()].map(({ ended }) => ended));
  }

  /** Takes batches that nobody runs, as many as there is room for. */
  private async takeOpen(nowMs: number): Promise<void> {
    const open = await this.openBatches.list();
    for (const batch of open) {
      if (this.stopped || this.runs.size >= maxRuns) return;
      if (this.runs.has(batch.id) || (this.failures.get(batch.id)?.retryAtMs ?? 0) > nowMs) continue;
      if (this.runsOf(batch.tenant) >= maxRunsOfTenant) continue;
      if (!(await this.ports.batchLeases.hold(batch.id, this.context.ingressId))) continue;
      // Told to stop while it asked.
      if (this.stopped) return this.release(batch.id);
      this.begin(batch);
    }
  }

  private begin(batch: OpenBatch): void {
    const parts: BatchRunParts = {
      ports: this.ports,
      intake: this.intake,
      archive: new BatchArchive(this.ports.files),
      files: this.fileDesk.files,
      lines: this.lines,
      storage: this.storage,
    };
    const run = new BatchRun(parts, batch, () => this.bounds());
    this.context.logger.info({ batchId: batch.id }, "the batch is taken");
    const ended = this.toEnd(run).finally(() => this.runs.delete(batch.id));
    this.runs.set(batch.id, { run, ended });
  }

  /** Never rejects. */
  private async toEnd(run: BatchRun): Promise<void> {
    const { id } = run.batch;
    const { logger } = this.context;
    const startedAtMs = Date.now();
    try {
      if (await run.run()) {
        await this.openBatches.remove(id);
        this.failures.delete(id);
        logger.info({ batchId: id, ...run.progress?.counts }, "the batch has ended");
      } else await this.forgetStray(run.batch);
    } catch (error) {
      if (error instanceof RunStopped || error instanceof BatchTaken)
        logger.info({ batchId: id, why: error.message }, "the batch is left");
      else {
        // What went well for a while has overcome what failed before.
        const before = Date.now() - startedAtMs < maxRetryMs ? (this.failures.get(id)?.count ?? 0) : 0;
        const count = before + 1;
        const delayMs = Math.min(maxRetryMs, retryMs * 2 ** (count - 1));
        this.failures.set(id, { count, retryAtMs: Date.now() + delayMs });
        logger.warn({ batchId: id, err: error, delayMs }, "the batch was interrupted");
      }
    }
    await this.release(id);
  }

  /** Never rejects: a lease that is not given back runs out. */
  private async release(id: BatchId): Promise<void> {
    await this.ports.batchLeases.release(id, this.context.ingressId).catch(() => undefined);
  }

  private async forgetStray({ id, tenant }: OpenBatch): Promise<void> {
    const mark = await this.ports.files.stat(`open-batches/${id}`);
    if (mark === undefined || Date.now() - mark.modifiedAtMs < strayMarkMs) return;
    this.context.logger.warn(
      { batchId: id, tenant },
      "a batch was never created to its end; it is forgotten",
    );
    await this.openBatches.remove(id);
  }

  private async tick(nowMs: number): Promise<void> {
    await Promise.all([...this.runs.values()].map(({ run }) => run.tick(nowMs)));
  }

  private async renew(): Promise<void> {
    await Promise.all(
      [...this.runs].map(async ([id, { run }]) => {
        // While Redis is away nobody else can take it.
        const held = this.ports.batchLeases.hold(id, this.context.ingressId, run.progress).catch(() => true);
        if (!(await held)) run.stop(new BatchTaken("another process holds it"));
      }),
    );
  }

  private bounds(): ReadonlyMap<string, LineBound> {
    const nowMs = Date.now();
    if (nowMs - this.boundsAtMs < boundsKeptMs) return this.knownBounds;
    const experts = this.monitor.statuses();
    const runs = Math.max(1, this.runs.size);
    const bytes = Math.max(minWindowBytes, Math.ceil(windowBytes / (experts.length * runs)));
    this.boundsAtMs = nowMs;
    this.knownBounds = new Map(
      experts.map(({ id, capacity }) => {
        // As many wait as run, so that no engine waits for a line.
        const lines = Math.min(maxWindowLines, Math.max(minWindowLines, 2 * capacity));
        return [id, { lines: Math.ceil(lines / runs), bytes, served: capacity > 0 }];
      }),
    );
    return this.knownBounds;
  }

  private runsOf(tenant: string): number {
    return [...this.runs.values()].filter(({ run }) => run.batch.tenant === tenant).length;
  }
}

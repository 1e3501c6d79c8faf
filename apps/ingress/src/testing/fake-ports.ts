/** Ports in memory; the queue only remembers. */
import type { BatchLeases, BatchProgress } from "@expert-router/batch";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type PriorityClass, type RequestId, type WorkerReport } from "@expert-router/contracts";
import {
  queuedJob,
  type Admission,
  type AdmissionClaim,
  type ExpertQueue,
  type JobSum,
  type QueuedJob,
  type QueueFigures,
  type QueuePlace,
  type WorkerRegistry,
} from "@expert-router/queue";
import { FileSystemStore } from "@expert-router/file-store";
import { FakeLogs } from "./fake-logs.js";
import { FakeIdempotencyKeys } from "./fake-idempotency-keys.js";
import { FakeWebhooks } from "./fake-webhooks.js";
import type { IngressPorts, PromptRouter } from "../wiring/ports.js";

/** A queue whose jobs stay where they are. */
export class FakeQueue implements ExpertQueue {
  readonly jobs: QueuedJob[] = [];
  /** What near its bound it was asked. */
  readonly claims: AdmissionClaim[] = [];
  /** Set to tell figures that a real queue would have. */
  told: Partial<QueueFigures> = {};
  /** Set to make it take no job. */
  failure: Error | undefined;

  constructor(readonly expert: string) {}

  async enqueue(job: QueuedJob): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    this.jobs.push(job);
  }

  async remove(id: RequestId): Promise<boolean> {
    const index = this.jobs.findIndex((job) => job.id === id);
    if (index >= 0) this.jobs.splice(index, 1);
    return index >= 0;
  }

  async has(id: RequestId): Promise<boolean> {
    return this.jobs.some((job) => job.id === id);
  }

  async place(id: RequestId): Promise<QueuePlace | undefined> {
    const index = this.jobs.findIndex((job) => job.id === id);
    return index < 0 ? undefined : { position: index, positionInClass: index };
  }

  async figures(): Promise<QueueFigures> {
    const none = { jobs: 0, tokens: 0 };
    const waiting = (name: PriorityClass): JobSum => {
      const jobs = this.jobs.filter((job) => job.priorityClass === name);
      return { jobs: jobs.length, tokens: jobs.reduce((total, job) => total + job.expectedTokens, 0) };
    };
    return {
      waiting: { interactive: waiting("interactive"), async: waiting("async"), batch: waiting("batch") },
      started: { interactive: none, async: none, batch: none },
      booked: { interactive: 0, async: 0, batch: 0 },
      ...this.told,
    };
  }

  async admit(claim: AdmissionClaim): Promise<Admission> {
    this.claims.push(claim);
    const waiting = this.jobs.filter((job) => job.priorityClass === claim.priorityClass).length;
    if (waiting < claim.maxWaiting) return { admitted: true };
    return { admitted: false, retryAfterMs: 2_300 };
  }

  async waitingOf(tenant: string, priorityClass: PriorityClass): Promise<number> {
    return this.jobs.filter((job) => job.tenant === tenant && job.priorityClass === priorityClass).length;
  }
}

/** One healthy simulated worker an expert. */
class FakeRegistry implements WorkerRegistry {
  async beat(): Promise<void> {}
  async leave(): Promise<void> {}
  async alive(expert: string): Promise<WorkerReport[]> {
    const engine = {
      engineHealthy: true,
      engineCircuit: "closed" as const,
      engineKind: "sim",
      engineModel: "simulated",
    };
    return [
      {
        id: "wrk_1",
        expert,
        host: "h",
        pid: 1,
        startedAtMs: 0,
        state: "running",
        ...engine,
        running: 0,
        concurrency: 4,
        credits: 4,
        finished: 0,
      },
    ];
  }
  async reap(): Promise<number> {
    return 0;
  }
}

/** Sends everything to the expert that is named in the text, else to `general`. */
const router: PromptRouter = {
  version: "v1",
  async route(input) {
    const text = typeof input === "string" ? input : JSON.stringify(input);
    const expert = text.includes("code") ? "code" : "general";
    const reason = text === "" ? "no-text" : "best-match";
    return {
      expert,
      cluster: expert,
      clusterProbability: 0.7,
      features: 3,
      confidence: 0.81256,
      candidates: [{ expert, probability: 0.81256 }],
      reason,
      routerVersion: "v1",
    };
  },
  async explain(input) {
    const decision = await this.route(input, { id: "", tenant: "" });
    const explanation = {
      text: "Because.",
      margin: null,
      runner_up: null,
      nearest_class: null,
      threshold: 0.45,
      terms: [{ term: "code", weight: 1 }],
    };
    return { decision, explanation };
  },
  status: () => ({
    object: "router",
    revision: 0,
    overridden: false,
    base: { version: "v1" },
    active: { version: "v1" },
    candidate: null,
    percent: 0,
    shadow: false,
    refusals: [],
    drift: null,
  }),
};

export interface FakePorts extends IngressPorts {
  readonly logs: FakeLogs;
  /** Who claimed a key and has not made its work is taken for dead. */
  endLeases(): void;
  readonly webhooks: FakeWebhooks;
  /** Bytes by tenant. */
  readonly stored: Map<string, number>;
  readonly memory: { usedBytes: number; maxBytes: number; machineBytes: number };
  readonly queues: ReadonlyMap<string, FakeQueue>;
}

export function fakePorts(experts: readonly string[]): FakePorts {
  const logs = new FakeLogs();
  const stored = new Map<string, number>();
  const bytesOf = (tenant: string): number => stored.get(tenant) ?? 0;
  const keys = new FakeIdempotencyKeys();
  const memory = { usedBytes: 1, maxBytes: 0, machineBytes: 1_000 };
  const queues = new Map(experts.map((id) => [id, new FakeQueue(id)]));
  const folder = mkdtempSync(join(tmpdir(), "expert-router-ingress-"));
  return {
    logs,
    accept: async (record) => {
      if (!(await logs.create(record))) return false;
      await queues.get(record.decision.expert)?.enqueue(queuedJob(record));
      return true;
    },
    store: logs,
    idempotencyKeys: keys,
    endLeases: () => keys.endLeases(),
    deadLetters: { count: async () => 0 },
    openJobs: { due: async () => [], lookAgain: async () => undefined, forget: async () => undefined },
    webhooks: new FakeWebhooks(logs.targets),
    storedBytes: {
      add: (tenant, _kind, bytes) => void stored.set(tenant, bytesOf(tenant) + bytes),
      total: (tenant) => ({ bytes: bytesOf(tenant), firstExpiryMs: 90_000 }),
      count: async () => undefined,
    },
    stored,
    storeMemory: async () => memory,
    memory,
    connections: 1,
    files: new FileSystemStore(folder),
    batchLeases: fakeLeases(),
    follower: logs,
    registry: new FakeRegistry(),
    queues,
    router,
    redisAnswers: async () => !logs.away,
    close: async () => rmSync(folder, { recursive: true, force: true }),
  };
}

function fakeLeases(): BatchLeases {
  const held = new Map<string, { holder: string; progress?: BatchProgress | undefined }>();
  return {
    hold: async (id, holder, progress) => {
      const lease = held.get(id);
      if (lease !== undefined && lease.holder !== holder) return false;
      held.set(id, { holder, progress: progress ?? lease?.progress });
      return true;
    },
    release: async (id, holder) => {
      if (held.get(id)?.holder === holder) held.delete(id);
    },
    progress: async (id) => held.get(id)?.progress,
  };
}

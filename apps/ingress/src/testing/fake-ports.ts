/** Ports in memory: a token log that tests write by hand, and a queue that only remembers. */
import type { BatchLeases, BatchProgress } from "@expert-router/batch";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  comparePositions,
  startPosition,
  type Delta,
  type Position,
  type PriorityClass,
  type RequestId,
  type RequestRecord,
  type RequestState,
  type RequestStatus,
  type Terminal,
  type WorkerReport,
} from "@expert-router/contracts";
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
import type { Following, RequestStore, TokenFollower, TokenSink } from "@expert-router/token-stream";
import type { IngressPorts, PromptRouter } from "../wiring/ports.js";

type Entry =
  | { readonly position: Position; readonly deltas: readonly Delta[] }
  | { readonly position: Position; readonly restart: true };

interface Follower {
  readonly sink: TokenSink;
  after: Position;
  paused: boolean;
}

/** Requests, their logs and who follows them. */
export class FakeLogs implements RequestStore, TokenFollower {
  readonly channel = "er:live:test";
  readonly states = new Map<RequestId, RequestState>();
  /** Set to make every call fail as ioredis does while Redis is away. */
  away = false;
  resumed = 0;
  private readonly entries = new Map<RequestId, Entry[]>();
  private readonly terminals = new Map<RequestId, Terminal>();
  private readonly followers = new Map<RequestId, Set<Follower>>();

  async create(record: RequestRecord): Promise<void> {
    this.check();
    this.states.set(record.id, { ...record, status: "queued", attempts: 0 });
  }

  async createOnce(record: RequestRecord): Promise<{ status: RequestStatus | "created"; expert: string }> {
    const there = await this.read(record.id);
    if (there !== undefined) return { status: there.status, expert: there.decision.expert };
    await this.create(record);
    return { status: "created", expert: record.decision.expert };
  }

  async forget(ids: readonly RequestId[]): Promise<void> {
    for (const id of ids) this.states.delete(id);
  }

  async read(id: RequestId): Promise<RequestState | undefined> {
    this.check();
    return this.states.get(id);
  }

  async readMany(ids: readonly RequestId[]): Promise<(RequestState | undefined)[]> {
    return Promise.all(ids.map((id) => this.read(id)));
  }

  async listJobs(
    tenant: string,
    options: { limit: number; before?: RequestId | undefined },
  ): Promise<RequestId[]> {
    this.check();
    const ids = [...this.states.values()]
      .filter((state) => state.kind === "job" && state.tenant === tenant)
      .map((state) => state.id);
    return ids
      .toSorted()
      .toReversed()
      .filter((id) => options.before === undefined || id < options.before)
      .slice(0, options.limit);
  }

  async close(id: RequestId, terminal: Terminal): Promise<"closed" | "already-closed" | "gone"> {
    this.check();
    const state = this.states.get(id);
    if (state === undefined) return "gone";
    if (this.terminals.has(id)) return "already-closed";
    this.end(id, terminal);
    return "closed";
  }

  /** Appends deltas as a worker would. */
  append(id: RequestId, position: Position, deltas: readonly Delta[]): void {
    this.write(id, { position, deltas });
  }

  /** Opens an attempt that starts over. */
  restart(id: RequestId, epoch: number): void {
    this.write(id, { position: { epoch, seq: 0 }, restart: true });
  }

  /** Closes the log as a worker would. */
  end(id: RequestId, terminal: Terminal): void {
    this.terminals.set(id, terminal);
    const state = this.states.get(id)!;
    const { status, usage, error } = terminal;
    this.states.set(id, {
      ...state,
      status,
      usage,
      error,
      attempts: 1,
      startedAtMs: state.createdAtMs + 5,
      finishedAtMs: state.createdAtMs + 9,
    });
    this.tellAll(id);
  }

  async start(): Promise<void> {}
  async stop(): Promise<void> {}

  follow(id: RequestId, sink: TokenSink, options: { after?: Position | undefined } = {}): Following {
    const follower: Follower = { sink, after: options.after ?? startPosition, paused: false };
    const all = this.followers.get(id) ?? new Set();
    this.followers.set(id, all.add(follower));
    queueMicrotask(() => this.tell(id, follower));
    return {
      get at() {
        return follower.after;
      },
      resume: () => {
        this.resumed++;
        follower.paused = false;
        this.tell(id, follower);
      },
      stop: () => all.delete(follower),
    };
  }

  /** Tells a follower that the log cannot be read. */
  failAll(id: RequestId, error: Error): void {
    for (const follower of this.followers.get(id) ?? []) follower.sink.fail(error);
  }

  private write(id: RequestId, entry: Entry): void {
    this.entries.set(id, [...(this.entries.get(id) ?? []), entry]);
    this.tellAll(id);
  }

  private tellAll(id: RequestId): void {
    for (const follower of this.followers.get(id) ?? []) this.tell(id, follower);
  }

  private tell(id: RequestId, follower: Follower): void {
    for (const entry of this.entries.get(id) ?? []) {
      if (follower.paused || this.followers.get(id)?.has(follower) !== true) return;
      const { epoch, seq } = entry.position;
      if ("restart" in entry) {
        if (comparePositions(entry.position, follower.after) <= 0) continue;
        follower.after = entry.position;
        follower.sink.restart();
        continue;
      }
      const last = { epoch, seq: seq + entry.deltas.length - 1 };
      if (comparePositions(last, follower.after) <= 0) continue;
      const first = epoch === follower.after.epoch ? Math.max(seq, follower.after.seq + 1) : seq;
      follower.after = last;
      follower.paused = !follower.sink.deltas(epoch, first, entry.deltas.slice(first - seq));
    }
    const terminal = this.terminals.get(id);
    if (terminal === undefined || follower.paused || !this.followers.get(id)!.delete(follower)) return;
    follower.sink.end(terminal);
  }

  private check(): void {
    if (this.away) throw new Error("Stream isn't writeable and enableOfflineQueue options is false");
  }
}

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

  async waitingOf(tenant: string): Promise<number> {
    return this.jobs.filter((job) => job.tenant === tenant).length;
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
  /** Bytes by tenant. */
  readonly stored: Map<string, number>;
  readonly memory: { usedBytes: number; maxBytes: number; machineBytes: number };
  readonly queues: ReadonlyMap<string, FakeQueue>;
}

export function fakePorts(experts: readonly string[]): FakePorts {
  const logs = new FakeLogs();
  const stored = new Map<string, number>();
  const bytesOf = (tenant: string): number => stored.get(tenant) ?? 0;
  const memory = { usedBytes: 1, maxBytes: 0, machineBytes: 1_000 };
  const queues = new Map(experts.map((id) => [id, new FakeQueue(id)]));
  const folder = mkdtempSync(join(tmpdir(), "expert-router-ingress-"));
  return {
    logs,
    accept: async (record) => {
      await logs.create(record);
      await queues.get(record.decision.expert)?.enqueue(queuedJob(record));
    },
    store: logs,
    deadLetters: { count: async () => 0 },
    openJobs: { due: async () => [], lookAgain: async () => undefined, forget: async () => undefined },
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

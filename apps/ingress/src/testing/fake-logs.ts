/** A token log in memory, that tests write by hand. */
import {
  comparePositions,
  newDelivery,
  startPosition,
  type Delta,
  type Position,
  type RequestId,
  type RequestRecord,
  type RequestState,
  type RequestStatus,
  type Terminal,
  type WebhookTarget,
} from "@expert-router/contracts";
import type {
  Following,
  JobRange,
  RequestStore,
  TokenFollower,
  TokenSink,
} from "@expert-router/token-stream";

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
  readonly targets = new Map<RequestId, WebhookTarget>();
  /** Set to make every call fail as ioredis does while Redis is away. */
  away = false;
  resumed = 0;
  private readonly entries = new Map<RequestId, Entry[]>();
  private readonly terminals = new Map<RequestId, Terminal>();
  private readonly followers = new Map<RequestId, Set<Follower>>();

  async create(record: RequestRecord): Promise<boolean> {
    this.check();
    if (record.repeatable === true && this.states.has(record.id)) return false;
    const { webhook, ...read } = record;
    const delivery = webhook === undefined ? undefined : newDelivery(webhook);
    if (webhook !== undefined) this.targets.set(record.id, webhook);
    this.states.set(record.id, { ...read, status: "queued", attempts: 0, delivery });
    return true;
  }

  async createOnce(record: RequestRecord): Promise<{ status: RequestStatus | "created"; expert: string }> {
    const there = await this.read(record.id);
    if (there !== undefined) return { status: there.status, expert: there.decision.expert };
    await this.create(record);
    return { status: "created", expert: record.decision.expert };
  }

  async forget(ids: readonly RequestId[]): Promise<void> {
    this.check();
    for (const id of ids) for (const kept of [this.states, this.entries, this.terminals]) kept.delete(id);
  }

  async read(id: RequestId): Promise<RequestState | undefined> {
    this.check();
    return this.states.get(id);
  }

  async readMany(ids: readonly RequestId[]): Promise<(RequestState | undefined)[]> {
    return Promise.all(ids.map((id) => this.read(id)));
  }

  async listJobs(tenant: string, { limit, above, below, oldestFirst }: JobRange): Promise<RequestId[]> {
    this.check();
    const ids = [...this.states.values()]
      .filter(({ kind, response }) => kind === "job" && response === undefined)
      .filter((state) => state.tenant === tenant)
      .map((state) => state.id)
      .toSorted()
      .filter((id) => id > (above ?? "") && id < (below ?? "~"));
    return (oldestFirst === true ? ids : ids.toReversed()).slice(0, limit);
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

import type { SystemConfig } from "@expert-router/config";
import {
  isRequestId,
  newRequestId,
  type DeadLetter,
  type RequestId,
  type RequestRecord,
  type RequestState,
} from "@expert-router/contracts";
import { BullmqExpertQueue, queuedJob } from "@expert-router/queue";
import { RedisDeadLetters, RedisRequestStore } from "@expert-router/token-stream";
import type { RedisClient } from "@expert-router/redis";
import { CommandFailure } from "../command-failure.js";

/** What became of one letter. */
export interface DeskResult {
  readonly id: string;
  readonly outcome: "replayed" | "already-replayed" | "dropped" | "failed";
  /** The job that it was replayed as. */
  readonly job?: string;
  readonly message?: string;
}

/** What the command line does with dead letters, on the Redis of the system. */
export class DeadLetterDesk {
  private readonly letters: RedisDeadLetters;
  private readonly store: RedisRequestStore;

  constructor(
    private readonly redis: RedisClient,
    private readonly system: SystemConfig,
  ) {
    const { syncS, jobsS, deadS } = system.retention;
    this.letters = new RedisDeadLetters(redis, { keptMs: deadS * 1_000 });
    this.store = new RedisRequestStore(redis, {
      retention: { syncMs: syncS * 1_000, jobsMs: jobsS * 1_000 },
    });
  }

  /**
   * Newest first; of `expert`, or of all that are configured.
   * @throws CommandFailure if `expert` is not configured and has left no letters either.
   */
  async list(expert?: string): Promise<DeadLetter[]> {
    const configured = this.system.experts.map(({ id }) => id);
    const lists = await Promise.all(
      (expert === undefined ? configured : [expert]).map((id) => this.letters.list(id)),
    );
    if (expert !== undefined && !configured.includes(expert) && lists[0]?.length === 0)
      throw new CommandFailure(`there is no expert '${expert}'; there are ${configured.join(", ")}`, 2);
    return lists.flat().sort((a, b) => b.failedAtMs - a.failedAtMs);
  }

  /** A letter with its request, body included. */
  async show(id: string): Promise<{ letter: DeadLetter; request: RequestState }> {
    const request = await this.requestOf(id);
    const letter = await this.letters.read(request.decision.expert, request.id);
    if (letter === undefined) throw await this.noLetter(request);
    return { letter, request };
  }

  /** Puts the request on its queue again, as a new job. Doing it twice makes one job. */
  async replay(id: string): Promise<DeskResult> {
    const request = await this.requestOf(id);
    const { expert } = request.decision;
    const earlier = await this.letters.replayOf(request.id);
    if (earlier !== undefined) return { id, outcome: "already-replayed", job: earlier };
    if ((await this.letters.read(expert, request.id)) === undefined) throw await this.noLetter(request);
    if (!this.system.experts.some((known) => known.id === expert))
      throw new CommandFailure(`${id}: expert '${expert}' is not configured, so nobody would answer`);
    const claim = await this.letters.claimReplay(request.id, newRequestId());
    if (claim === undefined)
      throw new CommandFailure(
        `${id}: another command is replaying it, or one was cut off within the last 30 s`,
      );
    let done = claim.done;
    try {
      if (!done) await this.submit(replayed(request, claim.id));
      done = true;
      return { id, outcome: claim.done ? "already-replayed" : "replayed", job: claim.id };
    } finally {
      await this.letters.settleReplay(expert, request.id, done);
    }
  }

  /** Takes the letter off the list, and the body out of the record. */
  async drop(id: string): Promise<DeskResult> {
    const request = await this.requestOf(id);
    if (!(await this.letters.drop(request.decision.expert, request.id))) throw await this.noLetter(request);
    return { id, outcome: "dropped" };
  }

  /** A command that was cut off may have got as far as the record, or the queue; neither is made twice. */
  private async submit(record: RequestRecord): Promise<void> {
    const present = await this.store.read(record.id);
    if (present === undefined) await this.store.create(record);
    else if (present.status !== "queued") return;
    const queue = BullmqExpertQueue.create(record.decision.expert, this.redis, this.system.scheduling);
    try {
      await queue.enqueue(queuedJob(record));
    } finally {
      await queue.close();
    }
  }

  private async requestOf(id: string): Promise<RequestState> {
    assertRequestId(id);
    const request = await this.store.read(id);
    if (request === undefined)
      throw new CommandFailure(`${id}: no such request, or its time as a dead letter is over`);
    return request;
  }

  private async noLetter({ id, status, decision }: RequestState): Promise<CommandFailure> {
    const job = await this.letters.replayOf(id);
    if (job !== undefined) return new CommandFailure(`${id}: was replayed as ${job}`);
    return new CommandFailure(
      `${id}: is no dead letter of '${decision.expert}' (status ${status}); it may have been dropped`,
    );
  }
}

/** @throws CommandFailure if `id` cannot be that of a request. */
export function assertRequestId(id: string): asserts id is RequestId {
  if (!isRequestId(id))
    throw new CommandFailure(`'${id}' is not the id of a request: those begin with req_`, 2);
}

function replayed(request: RequestState, id: RequestId): RequestRecord {
  return {
    id,
    kind: "job",
    endpoint: request.endpoint,
    body: request.body,
    decision: request.decision,
    tenant: request.tenant,
    // Nobody waits at an open connection for it.
    priorityClass: request.priorityClass === "interactive" ? "async" : request.priorityClass,
    expectedTokens: request.expectedTokens,
    createdAtMs: Date.now(),
    metadata: { ...request.metadata, replay_of: request.id },
    continuable: request.continuable,
    exposed: false,
  };
}

/** A Redis with the parts of a token log on it, for specs. */
import {
  newRequestId,
  type Delta,
  type RequestId,
  type RequestRecord,
  type Terminal,
} from "@expert-router/contracts";
import { connectRedis, connectSubscriber, isCluster, type RedisClient } from "@expert-router/redis";
import { startRedis, waitFor } from "@expert-router/testing";
import type { Redis } from "ioredis";
import { expect } from "vitest";
import { RedisRequestStore } from "../redis-request-store.js";
import { RedisTokenFollower } from "../redis-token-follower.js";
import { RedisTokenPublisher } from "../redis-token-publisher.js";
import type { OpenedAttempt, TokenSink } from "../token-log.js";

export const retention = { syncMs: 60_000, jobsMs: 120_000 };

export const completed: Terminal = {
  status: "completed",
  usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 },
};

export interface LogFixture {
  readonly url: string;
  readonly redis: RedisClient;
  onEveryServer(act: (server: Redis) => Promise<unknown>): Promise<void>;
  readonly store: RedisRequestStore;
  readonly publisher: RedisTokenPublisher;
  newFollower(silenceMs?: number): Promise<RedisTokenFollower>;
  /** Opens the next attempt, by an engine that continues chats unless said otherwise. */
  /** Another worker's publisher. */
  newPublisher(): RedisTokenPublisher;
  open(id: RequestId, continues?: readonly "/v1/chat/completions"[]): Promise<Required<OpenedAttempt>>;
  stop(): Promise<void>;
}

/** The servers that {@link startLog} starts; a spec may put others here before the suites run. */
export const logServers: { start: () => Promise<{ readonly url: string; stop(): Promise<void> }> } = {
  start: () => startRedis(),
};

export async function startLog(): Promise<LogFixture> {
  const server = await logServers.start();
  const options = { name: "log-fixture", onError: () => undefined };
  const redis = connectRedis(server.url, { mode: "wait", ...options });
  const publisher = new RedisTokenPublisher(redis, { retention });
  const followers: RedisTokenFollower[] = [];
  const connections: RedisClient[] = [redis];
  return {
    url: server.url,
    redis,
    onEveryServer: async (act) => {
      await Promise.all((isCluster(redis) ? redis.nodes("master") : [redis]).map(act));
    },
    store: new RedisRequestStore(redis, { retention }),
    publisher,
    newFollower: async (silenceMs = 60_000) => {
      const subscriber = connectSubscriber(server.url, options);
      connections.push(subscriber);
      const follower = new RedisTokenFollower(redis, subscriber, { ingressId: newRequestId(), silenceMs });
      followers.push(follower);
      await follower.start();
      return follower;
    },
    newPublisher: () => new RedisTokenPublisher(redis, { retention }),
    open: async (id, continues = ["/v1/chat/completions"]) =>
      (await publisher.open(id, { workerId: "wrk_1", continues })) as Required<OpenedAttempt>,
    stop: async () => {
      await Promise.all(followers.map((follower) => follower.stop()));
      for (const connection of connections) connection.disconnect();
      await server.stop();
    },
  };
}

export function record(overrides: Partial<RequestRecord> = {}): RequestRecord {
  return {
    id: newRequestId(),
    kind: "job",
    endpoint: "/v1/chat/completions",
    body: { model: "auto", messages: [] },
    decision: { expert: "code", cluster: "code", confidence: 0.9, reason: "best-match", routerVersion: "1" },
    tenant: "default",
    priorityClass: "async",
    expectedTokens: 100,
    createdAtMs: Date.now(),
    continuable: true,
    exposed: false,
    ...overrides,
  };
}

/** What a sink was told, in a form that shows every gap, repeat and reordering. */
export class Recorder implements TokenSink {
  readonly deltas_: Delta[] = [];
  readonly positions: string[] = [];
  restarts = 0;
  terminal: Terminal | undefined;
  error: Error | undefined;
  pauseAfter = Infinity;

  deltas(epoch: number, first: number, deltas: readonly Delta[]): boolean {
    for (const [i, delta] of deltas.entries()) {
      this.deltas_.push(delta);
      this.positions.push(`${epoch}-${first + i}`);
    }
    return this.deltas_.length < this.pauseAfter;
  }
  restart(): void {
    this.restarts += 1;
    this.deltas_.length = 0;
  }
  end(terminal: Terminal): void {
    expect(this.terminal).toBeUndefined();
    this.terminal = terminal;
  }
  fail(error: Error): void {
    this.error = error;
  }
  get text(): string {
    return this.deltas_.map((delta) => (typeof delta === "string" ? delta : "")).join("");
  }
  async ended(): Promise<this> {
    await waitFor("the end", () => this.terminal !== undefined || this.error !== undefined);
    return this;
  }
}

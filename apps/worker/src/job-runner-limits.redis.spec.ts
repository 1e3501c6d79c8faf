import { EngineError } from "@expert-router/engine";
import { RedisFollowerRegistry } from "@expert-router/token-stream";
import { describe, expect, it } from "vitest";
import { AbsentFollowers } from "./absent-followers.js";
import { engineOf, secret, useJobRunner } from "./testing/use-job-runner.js";

const fixture = useJobRunner();
const { runnerOf, newRequest, runToEnd } = fixture;

describe("an engine that never stops", () => {
  it.each([
    ["tokens", "x", 1_000],
    ["MB", "x".repeat(1_000), 100],
  ])("is stopped at the greatest number of %s", async (_unit, delta, count) => {
    let isOver = false;
    const engine = engineOf(async function* () {
      try {
        for (;;) yield [{ type: "delta", delta }];
      } finally {
        isOver = true;
      }
    });
    const request = await newRequest({ exposed: true });
    await runToEnd(runnerOf(engine), request);
    expect(isOver).toBe(true);
    const state = await fixture.store.read(request.id);
    expect(state).toMatchObject({ status: "failed", error: { code: "answer_too_long" }, attempts: 1 });
    const entries = await fixture.redis.xrange(`er:{${request.id}}:log`, "-", "+");
    const written = entries.flatMap(([, [kind, json]]) =>
      kind === "d" ? (JSON.parse(json ?? "") as string[]) : [],
    );
    expect(written).toHaveLength(count);
  });
});

describe("an attempt that runs too long", () => {
  it("is stopped, and its engine's call with it", async () => {
    let stopped = false;
    const engine = engineOf(async function* (_call, signal) {
      yield [{ type: "delta", delta: "a" }];
      await new Promise((resolve) => signal?.addEventListener("abort", resolve, { once: true }));
      stopped = true;
      signal?.throwIfAborted();
    });
    const request = await newRequest({ deadlineAtMs: Date.now() + 60_000 });
    expect(await runToEnd(runnerOf(engine, undefined, 100), request)).toMatchObject([{ type: "done" }]);
    expect(stopped).toBe(true);
    expect(await fixture.store.read(request.id)).toMatchObject({
      status: "failed",
      error: { code: "run_timeout" },
      attempts: 1,
    });
  });
});

describe("a request whose ingress was killed", () => {
  const channel = "er:live:killed";

  /** Watches as a worker does, in a hurry. */
  function hasty(): AbsentFollowers {
    const times = { lookMs: 50, patienceMs: 300 };
    return new AbsentFollowers(new RedisFollowerRegistry(fixture.redis), () => undefined, times);
  }

  /** Answers until it is stopped. */
  const endless = engineOf(async function* (_call, signal) {
    while (!signal?.aborted) {
      yield [{ type: "delta", delta: "on and on " }];
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    signal.throwIfAborted();
  });

  it("is cancelled, while it runs and while it waits; a job goes on", async () => {
    await new RedisFollowerRegistry(fixture.redis).beat(channel);
    const absent = hasty();
    absent.start();
    const runner = runnerOf(endless, absent);
    const sync = await newRequest({ kind: "sync", exposed: true }, channel);
    const job = await newRequest({}, channel);
    const startedAtMs = performance.now();
    const jobRuns = runToEnd(runner, job);
    await runToEnd(runner, sync);
    expect(performance.now() - startedAtMs).toBeGreaterThan(300);
    expect((await fixture.store.read(sync.id))?.status).toBe("cancelled");
    let calls = 0;
    // eslint-disable-next-line require-yield
    const never = engineOf(async function* () {
      calls += 1;
    });
    const waited = await newRequest({ kind: "sync" }, channel);
    await runToEnd(runnerOf(never, absent), waited);
    expect((await fixture.store.read(waited.id))?.status).toBe("cancelled");
    expect(calls).toBe(0);
    expect((await fixture.store.read(job.id))?.status).toBe("in_progress");
    await fixture.store.close(job.id, { status: "cancelled" });
    await jobRuns;
    absent.stop();
  });

  it("is left alone while its ingress beats", async () => {
    const registry = new RedisFollowerRegistry(fixture.redis);
    await registry.beat(channel);
    const beating = setInterval(() => void registry.beat(channel), 50);
    const absent = hasty();
    absent.start();
    const sync = await newRequest({ kind: "sync", exposed: true }, channel);
    const runs = runToEnd(runnerOf(endless, absent), sync);
    await new Promise((resolve) => setTimeout(resolve, 900));
    expect((await fixture.store.read(sync.id))?.status).toBe("in_progress");
    clearInterval(beating);
    await runs;
    expect((await fixture.store.read(sync.id))?.status).toBe("cancelled");
    absent.stop();
  });
});

describe("the log of the process", () => {
  it("never repeats what an engine says, which may be the prompt", async () => {
    const runner = runnerOf(
      // eslint-disable-next-line require-yield
      engineOf(async function* () {
        throw new EngineError("engine_rejected", `bad input: ${secret}`, { upstreamStatus: 400 });
      }),
    );
    const request = await newRequest();
    await runToEnd(runner, request);
    expect((await fixture.store.read(request.id))?.error?.message).toContain(secret);
    // What the engine refuses is the client's to mend: no dead letter, and the body goes.
    expect(await fixture.deadLetters.read("code", request.id)).toBeUndefined();
    expect((await fixture.store.read(request.id))?.body).toEqual({});
    expect(fixture.logLines.join("")).toContain("engine_rejected");
    expect(fixture.logLines.join("")).not.toContain(secret);
  });
});

import { redisKeys } from "@expert-router/contracts";
import { EngineError, type EngineCall } from "@expert-router/engine";
import { RedisTokenPublisher } from "@expert-router/token-stream";
import { describe, expect, it } from "vitest";
import { engineOf, retention, secret, useJobRunner } from "./testing/use-job-runner.js";

const fixture = useJobRunner();
const { runnerOf, newRequest, runToEnd, textOf } = fixture;

describe("a request that an engine dies of", () => {
  it("is given up after its attempts", async () => {
    let calls = 0;
    const runner = runnerOf(
      // eslint-disable-next-line require-yield
      engineOf(async function* () {
        calls += 1;
        throw new EngineError("engine_error", "The engine closed the connection without an answer.");
      }),
    );
    const request = await newRequest();
    await runToEnd(runner, request);
    expect(calls).toBe(3);
    expect(await fixture.store.read(request.id)).toMatchObject({
      status: "failed",
      error: { code: "engine_error" },
    });
    const letter = { id: request.id, expert: "code", code: "engine_error", attempts: 3 };
    expect(await fixture.deadLetters.read("code", request.id)).toMatchObject(letter);
    expect(JSON.stringify(await fixture.deadLetters.list("code"))).not.toContain(secret);
    expect((await fixture.store.read(request.id))?.body, "kept to be replayed").toEqual(request.body);
    expect(await fixture.redis.pttl(redisKeys.meta(request.id))).toBeGreaterThan(retention.jobsMs);
  });
});

describe("an engine that does not take requests in", () => {
  it("uses up no attempt, is asked less and less often, and then left alone", async () => {
    const runner = runnerOf(
      // eslint-disable-next-line require-yield
      engineOf(async function* () {
        throw new EngineError("engine_unreachable", "The engine cannot be reached (ECONNREFUSED).");
      }),
    );
    const request = await newRequest();
    const outcomes = await runToEnd(runner, request, 6);
    expect(outcomes.map((outcome) => (outcome.type === "retry" ? outcome.delayMs : outcome.type))).toEqual([
      250,
      500,
      1_000,
      2_000,
      "hand-back",
      "hand-back",
    ]);
    expect(await fixture.store.read(request.id)).toMatchObject({ status: "in_progress", attempts: 0 });
  });
});

describe("an answer", () => {
  it("goes on behind what a failed attempt wrote, with usage of the whole", async () => {
    const calls: EngineCall[] = [];
    const runner = runnerOf(
      engineOf(async function* (call) {
        calls.push(call);
        if (calls.length === 1) {
          yield [
            { type: "delta", delta: "one " },
            { type: "delta", delta: "two " },
          ];
          throw new EngineError("engine_error", "The engine broke off its answer.");
        }
        yield [{ type: "delta", delta: "three" }];
        yield [{ type: "usage", usage: { prompt_tokens: 12, completion_tokens: 1, total_tokens: 13 } }];
      }),
    );
    const request = await newRequest({ exposed: true });
    const outcomes = await runToEnd(runner, request);
    expect(outcomes.at(-1), "what the queue is told").toEqual({ type: "done", tokens: 13 });
    expect(calls[1]?.continueBehind).toMatchObject({ text: "one two ", tokens: 2 });
    expect(await fixture.store.read(request.id)).toMatchObject({
      status: "completed",
      usage: { prompt_tokens: 10, completion_tokens: 3, total_tokens: 13 },
    });
  });

  it("is continued in front of a stop string that had begun, so that the engine sees all of it", async () => {
    const calls: EngineCall[] = [];
    const runner = runnerOf(
      engineOf(async function* (call) {
        calls.push(call);
        if (calls.length === 1) {
          for (const delta of ["one ", "two E", "N"]) yield [{ type: "delta", delta }];
          throw new EngineError("engine_error", "The engine broke off its answer.");
        }
        yield [
          { type: "delta", delta: "two " },
          { type: "delta", delta: { choices: [{ index: 0, delta: {}, finish_reason: "stop" }] } },
        ];
      }),
    );
    const request = await newRequest({ exposed: true, body: { messages: [], stop: ["END", "x"] } });
    const outcomes = await runToEnd(runner, request);
    // Two characters of messages, and three deltas: the engine counted nothing.
    expect(outcomes.at(-1)).toEqual({ type: "done", tokens: 1 + 3 });
    expect(calls[1]?.continueBehind).toEqual({ text: "one ", tokens: 1 });
    expect(await textOf(request.id)).toBe("one two ");
  });

  it("that is whole but for its terminal entry is closed, also where it could not be continued", async () => {
    const publisher = new RedisTokenPublisher(fixture.redis, { retention });
    const request = await newRequest({ exposed: true, continuable: false });
    const { writer } = await publisher.open(request.id, { workerId: "wrk_0", continues: [] });
    writer?.append({ choices: [{ index: 0, delta: { tool_calls: [{ index: 0 }] } }] });
    writer?.append({ choices: [{ index: 0, delta: {}, finish_reason: "tool_calls" }] });
    await writer?.release();
    const runner = runnerOf(
      // eslint-disable-next-line require-yield
      engineOf(async function* () {
        throw new Error("the engine is not to be asked");
      }),
    );
    await runToEnd(runner, request);
    expect((await fixture.store.read(request.id))?.status).toBe("completed");
  });

  it.each([
    [false, { status: "completed" }, "whole"],
    [true, { status: "failed", error: { code: "stream_interrupted" } }, "half "],
  ])("with more than text in it starts over unless somebody saw it (%s)", async (exposed, end, text) => {
    const calls: EngineCall[] = [];
    const runner = runnerOf(
      engineOf(async function* (call) {
        calls.push(call);
        if (calls.length > 1) return yield [{ type: "delta", delta: "whole" }];
        yield [
          { type: "delta", delta: { choices: [{ index: 0, delta: { reasoning_content: "Hm." } }] } },
          { type: "delta", delta: "half " },
        ];
        throw new EngineError("engine_error", "The engine broke off its answer.");
      }),
    );
    const request = await newRequest({ exposed });
    await runToEnd(runner, request);
    expect(calls.map((call) => call.continueBehind)).toEqual(exposed ? [undefined] : [undefined, undefined]);
    expect(await fixture.store.read(request.id)).toMatchObject(end);
    expect(await textOf(request.id)).toBe(text);
  });

  it("counts the tokens of an engine that puts several in a delta, once it has seen a usage", async () => {
    const calls: EngineCall[] = [];
    const runner = runnerOf(
      engineOf(async function* (call) {
        calls.push(call);
        for (let i = 0; i < 20; i += 1) yield [{ type: "delta", delta: "ab" }];
        if (calls.length === 2) throw new EngineError("engine_error", "The engine broke off its answer.");
        yield [{ type: "usage", usage: { prompt_tokens: 60, completion_tokens: 40, total_tokens: 100 } }];
      }),
    );
    await runToEnd(runner, await newRequest());
    const broken = await newRequest();
    await runToEnd(runner, broken);
    expect(calls[2]?.continueBehind?.tokens).toBe(40);
    expect((await fixture.store.read(broken.id))?.usage).toEqual({
      prompt_tokens: 20,
      completion_tokens: 80,
      total_tokens: 100,
    });
  });

  it("is not reported whole when Redis refused a part of it", async () => {
    let calls = 0;
    const runner = runnerOf(
      engineOf(async function* () {
        calls += 1;
        if (calls === 1) {
          await fixture.redis.config("SET", "maxmemory", "1");
          yield [{ type: "delta", delta: "refused" }];
          await new Promise((resolve) => setTimeout(resolve, 50));
          await fixture.redis.config("SET", "maxmemory", "0");
          return;
        }
        yield [{ type: "delta", delta: "taken" }];
      }),
    );
    const request = await newRequest();
    const outcomes = await runToEnd(runner, request);
    expect(outcomes.map(({ type }) => type)).toEqual(["retry", "done"]);
    expect((await fixture.store.read(request.id))?.status).toBe("completed");
  });
});

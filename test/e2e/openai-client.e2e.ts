import { simulatedAnswer } from "@expert-router/engine-sim";
import { waitFor } from "@expert-router/testing";
import OpenAI, { AuthenticationError, BadRequestError, NotFoundError } from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { simulatorSeed, TestSystem } from "../support/system.js";

const apiKey = "test-key-1";
let system: TestSystem;
let openai: OpenAI;

beforeAll(async () => {
  system = await TestSystem.start({
    interTokenLatencyMs: 3,
    env: { EXPERT_ROUTER_API_KEYS: `${apiKey},test-key-2` },
  });
  openai = new OpenAI({ baseURL: `${system.url}/v1`, apiKey, maxRetries: 0 });
});
afterAll(() => system?.stop());

const messages = [{ role: "user" as const, content: "Write a Python function that reverses a linked list." }];

function expected(maxTokens: number): string {
  return simulatedAnswer({
    seed: simulatorSeed,
    endpoint: "/v1/chat/completions",
    messages,
    maxTokens,
  }).tokens.join("");
}

describe("the official npm client", () => {
  it("lists and retrieves models", async () => {
    const ids = (await openai.models.list()).data.map((model) => model.id);
    expect(ids).toEqual(["auto", "code", "general"]);
    expect(await openai.models.retrieve("code")).toMatchObject({ id: "code", object: "model" });
    await expect(openai.models.retrieve("none")).rejects.toBeInstanceOf(NotFoundError);
  });

  it("gets a whole answer, routed by its content", async () => {
    const { data, response } = await openai.chat.completions
      .create({ model: "auto", messages, max_tokens: 40 })
      .withResponse();
    expect(data).toMatchObject({ object: "chat.completion", model: "code" });
    expect(data.choices[0]).toMatchObject({
      message: { role: "assistant", content: expected(40) },
      finish_reason: "length",
    });
    expect(data.usage).toMatchObject({ completion_tokens: 40 });
    expect(response.headers.get("x-request-id")).toBe(data.id);
    expect(response.headers.get("x-expert-router-expert")).toBe("code");
    expect(Number(response.headers.get("x-expert-router-confidence"))).toBeGreaterThan(0);
    expect(Number(response.headers.get("x-expert-router-queue-ms"))).toBeGreaterThanOrEqual(0);
  });

  it("streams, with usage at the end where it asks for it", async () => {
    const options = { include_usage: true };
    const stream = await openai.chat.completions.create({
      model: "code",
      messages,
      max_tokens: 40,
      stream: true,
      stream_options: options,
    });
    let text = "";
    const ids = new Set<string>();
    const usages: unknown[] = [];
    for await (const chunk of stream) {
      ids.add(chunk.id);
      text += chunk.choices[0]?.delta.content ?? "";
      usages.push(chunk.usage);
    }
    expect(text).toBe(expected(40));
    expect(ids.size).toBe(1);
    expect(usages.pop()).toMatchObject({ completion_tokens: 40 });
    expect(usages.every((usage) => usage === null)).toBe(true);
  });

  it("runs a text completion, whole and streamed", async () => {
    const request = { model: "general", prompt: "Once upon a time", max_tokens: 20 };
    const answer = await openai.completions.create(request);
    let text = "";
    for await (const chunk of await openai.completions.create({ ...request, stream: true })) {
      text += chunk.choices[0]?.text ?? "";
    }
    expect(answer.choices[0]?.text).toBe(text);
    expect(text.length).toBeGreaterThan(20);
  });

  it("aborts a stream, and the engine stops within a second", async () => {
    const stream = await openai.chat.completions.create({
      model: "code",
      messages,
      max_tokens: 20_000,
      stream: true,
    });
    let chunks = 0;
    let abortedAt = 0;
    for await (const _ of stream) {
      if (++chunks < 10) continue;
      abortedAt = performance.now();
      stream.controller.abort();
      break;
    }
    await waitFor("the engine stops", async () => (await system.runningAt("code")) === 0, {
      timeoutMs: 3_000,
    });
    expect(performance.now() - abortedAt).toBeLessThan(1_000);
  });

  it("aborts a whole answer, and the engine stops within a second", async () => {
    const controller = new AbortController();
    const answer = openai.chat.completions.create(
      { model: "code", messages, max_tokens: 20_000 },
      { signal: controller.signal },
    );
    await waitFor("the engine runs", async () => (await system.runningAt("code")) === 1);
    const abortedAt = performance.now();
    controller.abort();
    await expect(answer).rejects.toThrow();
    await waitFor("the engine stops", async () => (await system.runningAt("code")) === 0, {
      timeoutMs: 3_000,
    });
    expect(performance.now() - abortedAt).toBeLessThan(1_000);
  });

  it("throws its own error classes", async () => {
    const unknown = openai.chat.completions.create({ model: "none", messages });
    await expect(unknown).rejects.toBeInstanceOf(NotFoundError);
    await expect(unknown).rejects.toMatchObject({ code: "model_not_found", param: "model", status: 404 });
    const bad = openai.chat.completions.create({ model: "code", messages: [] });
    await expect(bad).rejects.toBeInstanceOf(BadRequestError);
    await expect(bad).rejects.toMatchObject({ param: "messages" });
    const stranger = new OpenAI({ baseURL: `${system.url}/v1`, apiKey: "wrong", maxRetries: 0 });
    await expect(stranger.models.list()).rejects.toBeInstanceOf(AuthenticationError);
  });
});

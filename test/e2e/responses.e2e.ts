import { simulatedAnswer } from "@expert-router/engine-sim";
import { waitFor } from "@expert-router/testing";
import OpenAI from "openai";
import type { Response, ResponseStreamEvent } from "openai/resources/responses/responses";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { simulatorSeed, TestSystem } from "../support/system.js";

let system: TestSystem;
let client: OpenAI;
let other: OpenAI;
beforeAll(async () => {
  system = await TestSystem.start({ ingresses: 2, interTokenLatencyMs: 5 });
  const of = (url: string): OpenAI => new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0 });
  [client, other] = system.ingresses.map(({ url }) => of(url)) as [OpenAI, OpenAI];
});
afterAll(() => system?.stop());

const input = "Explain a binary search in Python.";
const messages = [{ role: "user", content: input }];
const answerOf = (maxTokens: number): string =>
  simulatedAnswer({ seed: simulatorSeed, endpoint: "/v1/chat/completions", messages, maxTokens }).tokens.join(
    "",
  );

async function collected(
  stream: AsyncIterable<ResponseStreamEvent>,
  until: (event: ResponseStreamEvent) => boolean = () => false,
): Promise<ResponseStreamEvent[]> {
  const events: ResponseStreamEvent[] = [];
  for await (const event of stream) {
    events.push(event);
    if (until(event)) break;
  }
  return events;
}
const numbers = (events: ResponseStreamEvent[]): number[] => events.map((event) => event.sequence_number);
const textOf = (events: ResponseStreamEvent[]): string =>
  events.map((event) => (event.type === "response.output_text.delta" ? event.delta : "")).join("");

describe("the official client's responses", () => {
  it("create and retrieve a whole response", async () => {
    const response = await client.responses.create({ model: "auto", input, max_output_tokens: 40 });
    expect(response).toMatchObject({ model: "code", status: "incomplete", output_text: answerOf(40) });
    expect(response.incomplete_details).toEqual({ reason: "max_output_tokens" });
    expect(response.usage?.output_tokens).toBe(40);
    expect(await other.responses.retrieve(response.id)).toEqual(response);
    await client.responses.delete(response.id);
    await expect(other.responses.retrieve(response.id)).rejects.toMatchObject({ status: 404 });
  });

  it("stream, by hand and by the helper", async () => {
    const events = await collected(
      await client.responses.create({ model: "auto", input, max_output_tokens: 40, stream: true }),
    );
    expect(textOf(events)).toBe(answerOf(40));
    expect(numbers(events)).toEqual(events.map((_, i) => i));
    expect([events[0]?.type, events.at(-1)?.type]).toEqual(["response.created", "response.incomplete"]);
    const helper = client.responses.stream({ model: "auto", input: "Hello", max_output_tokens: 5 });
    let snapshot = "";
    helper.on("response.output_text.delta", (event) => (snapshot = event.snapshot));
    expect(snapshot).toBe("");
    const final = await helper.finalResponse();
    expect(snapshot).not.toBe("");
    expect(final.output[0]).toMatchObject({ type: "message", content: [{ text: snapshot }] });
  });

  it("run in the background and are followed from any number at any replica, during the run and after it", async () => {
    const { id, status } = await client.responses.create({
      model: "auto",
      input,
      max_output_tokens: 150,
      background: true,
    });
    expect(status).toBe("queued");
    const retrieve = (from: OpenAI, after?: number) =>
      from.responses.retrieve(id, { stream: true, ...(after !== undefined && { starting_after: after }) });
    // A client that is cut off in the middle, and goes on at the other replica.
    const first = await collected(await retrieve(client), (event) => event.sequence_number === 60);
    const rest = await collected(await retrieve(other, 60));
    const all = [...first, ...rest];
    expect(numbers(all)).toEqual(all.map((_, i) => i));
    expect(textOf(all)).toBe(answerOf(150));
    expect(all[1]?.type).toBe("response.queued");
    const end = all.at(-1) as { type: string; response: Response };
    expect(end.type).toBe("response.incomplete");
    for (const [from, after] of [
      [client, 0],
      [other, 100],
      [client, all.length - 2],
      [other, all.length - 1],
    ] as const)
      expect(await collected(await retrieve(from, after))).toEqual(all.slice(after + 1));
    const { output_text: text, ...response } = await other.responses.retrieve(id);
    expect(response).toEqual(end.response);
    expect(text).toBe(answerOf(150));
  });

  it("stream in the background at once, and outlive the client", async () => {
    const stream = await client.responses.create({
      model: "auto",
      input,
      max_output_tokens: 100,
      background: true,
      stream: true,
    });
    const first = await collected(stream, (event) => event.sequence_number === 20);
    const { id } = (first[0] as { response: Response }).response;
    await waitFor("it ends", async () => (await other.responses.retrieve(id)).status === "incomplete");
    expect((await other.responses.retrieve(id)).output_text).toBe(answerOf(100));
  });

  it("are cancelled", async () => {
    const { id } = await client.responses.create({
      model: "auto",
      input,
      max_output_tokens: 20_000,
      background: true,
    });
    await waitFor("it runs", async () => (await system.runningAt("code")) === 1);
    expect((await other.responses.cancel(id)).status).toBe("cancelled");
    await waitFor("the engine stops", async () => (await system.runningAt("code")) === 0);
    expect((await client.responses.retrieve(id)).status).toBe("cancelled");
    const waited = await client.responses.create({ model: "auto", input, max_output_tokens: 1 });
    await expect(client.responses.cancel(waited.id)).rejects.toMatchObject({ status: 400 });
  });

  it("go on behind one another", async () => {
    const first = await client.responses.create({
      model: "general",
      input: "My name is Ada.",
      instructions: "Be short.",
      max_output_tokens: 8,
    });
    const second = await other.responses.create({
      model: "general",
      input: "What is my name?",
      previous_response_id: first.id,
      max_output_tokens: 8,
    });
    const conversation = [
      { role: "user", content: "My name is Ada." },
      { role: "assistant", content: first.output_text },
      { role: "user", content: "What is my name?" },
    ];
    const expected = simulatedAnswer({
      seed: simulatorSeed,
      endpoint: "/v1/chat/completions",
      messages: conversation,
      maxTokens: 8,
    });
    expect(second.output_text).toBe(expected.tokens.join(""));
    expect(second.previous_response_id).toBe(first.id);
  });

  it("survive the death of every ingress", async () => {
    const { id } = await client.responses.create({
      model: "auto",
      input,
      max_output_tokens: 300,
      background: true,
    });
    await waitFor("it runs", async () => (await system.runningAt("code")) === 1);
    await Promise.all(system.ingresses.map(({ process }) => process.end()));
    const url = await system.startIngress();
    const again = new OpenAI({ baseURL: `${url}/v1`, apiKey: "none" });
    const events = await collected(await again.responses.retrieve(id, { stream: true }));
    expect(textOf(events)).toBe(answerOf(300));
    expect(numbers(events)).toEqual(events.map((_, i) => i));
  });
});

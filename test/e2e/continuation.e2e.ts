import { simulatedAnswer, type SimulatedAnswer } from "@expert-router/engine-sim";
import { afterEach, describe, expect, it } from "vitest";
import { sseEvents } from "../support/sse.js";
import { simulatorSeed, TestSystem } from "../support/system.js";

let system: TestSystem | undefined;
afterEach(async () => {
  await system?.stop();
  system = undefined;
});

const tokens = 120;
const killAt = 40;

interface Chunk {
  readonly id: string;
  readonly created: number;
  readonly error?: { code: string };
  readonly choices: { text?: string; delta?: { content?: string }; finish_reason?: string | null }[];
  readonly usage?: { prompt_tokens: number; completion_tokens: number; total_tokens: number } | null;
}

interface Answer {
  text: string;
  deltas: number;
  /** Different ids and times of creation; one of each is right. */
  names: Set<string>;
  finish: string | undefined;
  usage: Chunk["usage"];
  error: string | undefined;
  done: boolean;
}

async function post(path: string, body: object): Promise<Response> {
  const headers = { "content-type": "application/json" };
  return fetch(`${system?.url}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
}

async function stream(path: string, body: object, onDelta?: (count: number) => void): Promise<Answer> {
  const asked = { ...body, stream: true, stream_options: { include_usage: true } };
  const answer: Answer = {
    text: "",
    deltas: 0,
    names: new Set(),
    finish: undefined,
    usage: undefined,
    error: undefined,
    done: false,
  };
  for await (const { data } of sseEvents(await post(path, asked))) {
    if (data === "[DONE]") {
      answer.done = true;
      continue;
    }
    const chunk = JSON.parse(data) as Chunk;
    if (chunk.error !== undefined) {
      answer.error = chunk.error.code;
      continue;
    }
    answer.names.add(`${chunk.id} ${chunk.created}`);
    answer.usage = chunk.usage ?? answer.usage;
    const [choice] = chunk.choices;
    const text = choice?.delta?.content ?? choice?.text ?? "";
    if (text !== "") onDelta?.((answer.deltas += 1));
    answer.text += text;
    answer.finish = choice?.finish_reason ?? answer.finish;
  }
  return answer;
}

const chat = "/v1/chat/completions";
const plain = "/v1/completions";
const messages = (content: string): { role: string; content: string }[] => [{ role: "user", content }];
const chatAnswer = (content: string, more: object = {}): SimulatedAnswer =>
  simulatedAnswer({
    endpoint: chat,
    messages: messages(content),
    seed: simulatorSeed,
    maxTokens: tokens,
    ...more,
  });

/** A string that lies across two tokens of the answer, behind the kill. */
function stopAcross({ tokens: parts }: SimulatedAnswer): string {
  const at = killAt + 30;
  return `${parts[at]?.slice(-3)}${parts[at + 1]?.slice(0, 3)}`;
}

describe("answers across the kill of their worker", () => {
  it("are continued where that can be done, started over where nobody saw them, and else end with an error", async () => {
    system = await TestSystem.start({ experts: { code: ["code"] }, interTokenLatencyMs: 20 });
    const [worker] = system.workers;
    const model = "code";
    const ask = (content: string, more: object): object => ({
      model,
      messages: messages(content),
      max_tokens: tokens,
      ...more,
    });

    let killed = false;
    const limited = stream(chat, ask("Count.", {}), (count) => {
      if (count !== killAt || killed) return;
      killed = true;
      worker?.process.kill("SIGKILL");
      system?.startWorker("code");
    });
    const stop = stopAcross(chatAnswer("Stop."));
    const stopped = stream(chat, ask("Stop.", { stop: [stop, "never said"] }));
    const completion = stream(plain, { model, prompt: "Once upon", max_tokens: tokens });
    const natural = stream(chat, { model, messages: messages("As long as it takes.") });
    const notContinued: object[] = [
      { tools: [{ type: "function", function: { name: "f", parameters: {} } }] },
      { response_format: { type: "json_object" } },
      { n: 2 },
      { logprobs: true },
    ];
    const broken = notContinued.map((more, i) => stream(chat, ask(`Bound ${i}.`, more)));
    const restarted = notContinued.map(async (more, i) => {
      const response = await post(chat, ask(`Whole ${i}.`, more));
      const { choices } = (await response.json()) as { choices: { message: { content: string } }[] };
      return choices.map(({ message }) => message.content);
    });

    const first = await limited;
    expect(killed).toBe(true);
    expect(first).toMatchObject({
      text: chatAnswer("Count.").tokens.join(""),
      finish: "length",
      deltas: tokens,
      error: undefined,
      done: true,
    });
    expect(first.names.size, "one id, one time of creation").toBe(1);
    // The prompt counts once, however often it was read; every token of the answer counts once.
    const alone = (await (await post(chat, ask("Count.", {}))).json()) as { usage: Chunk["usage"] };
    expect(first.usage?.completion_tokens).toBe(alone.usage?.completion_tokens);
    // The simulator guesses a prompt's tokens from its length, so its own count of the seam is a guess as well.
    expect(first.usage?.total_tokens).toBe((first.usage?.prompt_tokens ?? 0) + tokens);

    const expectedStop = chatAnswer("Stop.", { stop: [stop] });
    expect(expectedStop.tokens.length).toBeGreaterThan(killAt);
    expect(await stopped).toMatchObject({ text: expectedStop.tokens.join(""), finish: "stop", done: true });
    expect((await stopped).text).not.toContain(stop);

    const once = simulatedAnswer({
      endpoint: plain,
      prompt: "Once upon",
      seed: simulatorSeed,
      maxTokens: tokens,
    });
    expect(await completion).toMatchObject({ text: once.tokens.join(""), finish: "length", done: true });
    const long = chatAnswer("As long as it takes.", { maxTokens: undefined });
    expect(await natural).toMatchObject({ text: long.tokens.join(""), finish: "stop", done: true });

    for (const answer of await Promise.all(broken)) {
      expect(answer).toMatchObject({ error: "stream_interrupted", done: false });
      expect(answer.text).not.toBe("");
    }
    for (const [i, texts] of (await Promise.all(restarted)).entries()) {
      expect(texts[0]).toBe(chatAnswer(`Whole ${i}.`).tokens.join(""));
      expect(texts).toHaveLength(i === 2 ? 2 : 1);
    }
  });
});

import { afterEach, expect, it } from "vitest";
import { TestSystem } from "../support/system.js";

let system: TestSystem | undefined;
afterEach(async () => {
  await system?.stop();
  system = undefined;
});

interface Message {
  role: string;
  content: string;
}
interface Answer {
  choices: { message: Message }[];
  usage: { prompt_tokens: number; prompt_tokens_details: { cached_tokens: number } };
}

const workers = 3;
const conversations = 30;
const turns = 4;

async function ask(messages: Message[]): Promise<Answer> {
  const response = await fetch(`${system?.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "code", max_tokens: 10, messages }),
  });
  expect(response.status).toBe(200);
  return (await response.json()) as Answer;
}

/** Of all turns but the first: whether the engine held all up to the answer before. */
async function converse(name: number): Promise<boolean[]> {
  const messages: Message[] = [];
  const held: boolean[] = [];
  for (let turn = 0; turn < turns; turn += 1) {
    messages.push({ role: "user", content: `Conversation ${name}, turn ${turn}. ${"Go on. ".repeat(20)}` });
    const { choices, usage } = await ask(messages);
    messages.push(choices[0]?.message as Message);
    const share = usage.prompt_tokens_details.cached_tokens / usage.prompt_tokens;
    // With all of it, 0.57, 0.73 and 0.80 of the prompt; with a turn less, 0.53 at most.
    if (turn > 0) held.push(share > 0.4 + 0.1 * turn);
  }
  return held;
}

it("the turns of a conversation go to the worker whose engine holds it", async () => {
  system = await TestSystem.start({ experts: { code: ["code"] }, workersPerExpert: 0, ingresses: 0 });
  for (let i = 0; i < workers; i += 1) {
    const { url } = await system.startSimulator("code", { args: ["--prefix-cache-size=10000"] });
    system.startWorker("code", { ENGINE_URL: url });
  }
  await system.startIngress();
  await system.whenWorkersAre(workers);
  const held = (await Promise.all(Array.from({ length: conversations }, (_, i) => converse(i)))).flat();
  const hits = held.filter(Boolean).length / held.length;
  // By chance, a turn meets the engine of the one before it once in three times.
  expect(hits).toBeGreaterThan(0.8);
});

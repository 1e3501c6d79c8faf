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

/** The shares of the prompts of all turns but the first that the engine held. */
async function converse(name: number): Promise<number[]> {
  const messages: Message[] = [];
  const shares: number[] = [];
  for (let turn = 0; turn < turns; turn += 1) {
    messages.push({ role: "user", content: `Conversation ${name}, turn ${turn}. ${"Go on. ".repeat(20)}` });
    const { choices, usage } = await ask(messages);
    messages.push(choices[0]?.message as Message);
    if (turn > 0) shares.push(usage.prompt_tokens_details.cached_tokens / usage.prompt_tokens);
  }
  return shares;
}

it("the turns of a conversation go to the worker whose engine holds it", async () => {
  system = await TestSystem.start({ experts: { code: ["code"] }, workersPerExpert: 0, ingresses: 0 });
  for (let i = 0; i < workers; i += 1) {
    const { url } = await system.startSimulator("code", { args: ["--prefix-cache-size=10000"] });
    system.startWorker("code", { ENGINE_URL: url });
  }
  await system.startIngress();
  await system.whenWorkersAre(workers);
  const shares = (await Promise.all(Array.from({ length: conversations }, (_, i) => converse(i)))).flat();
  const hits = shares.filter((share) => share > 0.4).length / shares.length;
  // By chance, a turn meets the engine of the one before it once in three times.
  expect(hits).toBeGreaterThan(0.8);
});

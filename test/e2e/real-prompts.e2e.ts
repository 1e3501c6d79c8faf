import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { simulatedAnswer } from "@expert-router/engine-sim";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { simulatorSeed, TestSystem } from "../support/system.js";

const file = fileURLToPath(new URL("../../../shared/data/prompts-train.jsonl.gz", import.meta.url));
const experts = {
  code: ["code", "sql"],
  math: ["math", "reasoning"],
  medicine: ["medicine"],
  "law-finance": ["law", "finance"],
  writing: ["creative", "summarization"],
  support: ["support"],
  general: ["general", "science", "humanities", "multilingual"],
};
const count = 500;
const atOnce = 50;

describe.skipIf(!existsSync(file))("500 real prompts through auto, 50 at a time", () => {
  let system: TestSystem;
  beforeAll(async () => {
    system = await TestSystem.start({ experts });
  });
  afterAll(() => system?.stop());

  it("are all answered, to the byte, and reach every expert", async () => {
    const lines = gunzipSync(readFileSync(file)).toString().trim().split("\n");
    const step = Math.floor(lines.length / count);
    const prompts = Array.from(
      { length: count },
      (_, i) => (JSON.parse(lines[i * step] as string) as { text: string }).text,
    );
    const answersBy = new Map<string, number>();
    let next = 0;
    const user = async (): Promise<void> => {
      for (let i = next++; i < count; i = next++) {
        const messages = [{ role: "user", content: prompts[i] as string }];
        const response = await fetch(`${system.url}/v1/chat/completions`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ model: "auto", messages }),
        });
        expect(response.status).toBe(200);
        const expert = response.headers.get("x-expert-router-expert") as string;
        expect(Number(response.headers.get("x-expert-router-confidence"))).toBeGreaterThan(0);
        expect(response.headers.get("x-expert-router-queue-ms")).toMatch(/^\d+$/);
        const answer = (await response.json()) as {
          model: string;
          choices: { message: { content: string } }[];
        };
        const expected = simulatedAnswer({ seed: simulatorSeed, endpoint: "/v1/chat/completions", messages });
        expect(answer.choices[0]?.message.content).toBe(expected.tokens.join(""));
        expect(answer.model).toBe(expert);
        answersBy.set(expert, (answersBy.get(expert) ?? 0) + 1);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, user));
    expect([...answersBy.values()].reduce((sum, n) => sum + n, 0)).toBe(count);
    expect([...answersBy.keys()].sort()).toEqual(Object.keys(experts).sort());
  });
});

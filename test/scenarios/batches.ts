import { setTimeout as sleep } from "node:timers/promises";
import { arrivalTimes, Chance } from "./chance.js";
import type { Ask } from "./client.js";
import { EngineWatch } from "./engine-watch.js";
import { openLoop, submitAll } from "./open-loop.js";
import { secondsOf, tokensWithin } from "./request-records.js";
import { expert, numberedAsks, ScenarioSystem, spanOf, tokensPerS } from "./scenario-system.js";
import { atLeast, atMost, told, type Scenario } from "./scenario.js";
import { mean, median, spread } from "./statistics.js";
import { keys, keysEnv, weighted } from "./tenants.js";

const pace = { sequences: 64, tokenMs: 40, firstTokenMs: 60 };
const answerTokens = [50, 200] as const;
const meanAnswer = (answerTokens[0] + answerTokens[1]) / 2;
const nominal = tokensPerS(pace, meanAnswer);
/** Of the engine's capacity. */
const interactiveShare = 0.4;
const weights = { a: 3, b: 1 } as const;
const rounds = 2;
const roundS = 40;
const settleS = 15;
const saturatedS = 15;

interface Round {
  readonly ttftP95Ms: number;
  readonly interactivePerS: number;
  /** Mean number of requests that the engine generates. */
  readonly busy: number;
  readonly failed: number;
  readonly late: number;
}

/** Files of two tenants beside interactive requests: each keeps what the scheduling promises it. */
export const batches: Scenario = {
  name: "batches",
  acceptance:
    "batches of two tenants with weights 3:1 beside interactive requests: TTFT p95 ≤ 1.5 × alone, batches get ≥ 85 % of what interactive leaves, 3:1 within 5 %",
  needsMinutes: true,
  async run({ seed, say }) {
    const chance = new Chance(seed, 0);
    const system = await ScenarioSystem.start({
      pace,
      env: keysEnv,
      config: { scheduling: { tenants: [weighted(keys.a, weights.a), weighted(keys.b, weights.b)] } },
    });
    const { url } = system.system;
    const watch = new EngineWatch(system, system.system.engine(expert).url);
    const answer = (): number => chance.between(...answerTokens);

    const startBatch = async (key: string): Promise<string> => {
      const lines = Math.ceil(((roundS + 2 * settleS) * nominal) / meanAnswer) + 2 * pace.sequences;
      const text = Array.from({ length: lines }, (_, i) => {
        const messages = [{ role: "user", content: `Line ${i}.` }];
        const body = { model: expert, messages, max_tokens: answer() };
        return `${JSON.stringify({ custom_id: `${i}`, method: "POST", url: "/v1/chat/completions", body })}\n`;
      });
      const form = new FormData();
      form.set("purpose", "batch");
      form.set("file", new Blob(text), "lines.jsonl");
      const file = await call<{ id: string }>(url, "/v1/files", key, form);
      const submission = {
        input_file_id: file.id,
        endpoint: "/v1/chat/completions",
        completion_window: "24h",
      };
      return (await call<{ id: string }>(url, "/v1/batches", key, submission)).id;
    };
    const tokensOf = async (id: string, key: string): Promise<{ answers: number; all: number }> => {
      const { usage } = await call<{ usage: { output_tokens: number; total_tokens: number } | null }>(
        url,
        `/v1/batches/${id}`,
        key,
      );
      return { answers: usage?.output_tokens ?? 0, all: usage?.total_tokens ?? 0 };
    };
    /** Tokens a second of the engine as it is, with every sequence busy. */
    const measureCapacity = async (): Promise<number> => {
      const asks = numberedAsks(
        Math.ceil((nominal / meanAnswer) * (saturatedS + 2 * settleS)) + pace.sequences,
        (): Omit<Ask, "prompt" | "model"> => ({
          kind: "job",
          maxTokens: answer(),
          priority: "interactive",
          key: keys.a,
        }),
      );
      const saturating = await submitAll(system.client, asks);
      await sleep(settleS * 1_000);
      const span = await spanOf(saturatedS * 1_000);
      await system.clear(saturating);
      return tokensWithin(await system.records(saturating), span) / secondsOf(span);
    };
    const measure = async (whileRunning: () => Promise<void>): Promise<Round> => {
      const arrivals = arrivalTimes(
        { perS: (nominal / meanAnswer) * interactiveShare, forMs: (settleS + roundS) * 1_000 },
        chance,
      );
      const running = openLoop(
        system.client,
        arrivals.map((atMs, number) => ({
          atMs,
          ask: {
            kind: "stream",
            model: expert,
            prompt: `Question ${number}.`,
            maxTokens: answer(),
            key: keys.a,
          },
        })),
      );
      await sleep(settleS * 1_000);
      const [span] = await Promise.all([spanOf(roundS * 1_000), whileRunning()]);
      const { outcomes, late } = await running.ended;
      const measured = outcomes.filter(({ sentAtMs }) => sentAtMs >= span.fromMs && sentAtMs < span.toMs);
      const ttft = measured.flatMap(({ sentAtMs, firstTokenAtMs }) =>
        firstTokenAtMs === undefined ? [] : [firstTokenAtMs - sentAtMs],
      );
      return {
        ttftP95Ms: spread(ttft).p95,
        interactivePerS: tokensWithin(await system.records(outcomes), span) / secondsOf(span),
        busy: mean(watch.within(span.fromMs, span.toMs).map((look) => look.running)),
        failed: outcomes.filter(({ error }) => error !== undefined).length,
        late,
      };
    };

    try {
      say(`the engine saturated by interactive jobs, ${saturatedS} s …`);
      const capacity = await measureCapacity();
      const alone: Round[] = [];
      const beside: (Round & { perS: { a: number; b: number }; all: { a: number; b: number } })[] = [];
      for (let round = 1; round <= rounds; round++) {
        say(`round ${round} of ${rounds}: interactive alone, ${roundS} s …`);
        alone.push(await measure(async () => undefined));
        say(`round ${round} of ${rounds}: with two batches, ${roundS} s …`);
        const [a, b] = await Promise.all([startBatch(keys.a), startBatch(keys.b)]);
        const look = () => Promise.all([tokensOf(a, keys.a), tokensOf(b, keys.b)]);
        const rates = { perS: { a: 0, b: 0 }, all: { a: 0, b: 0 } };
        const measured = await measure(async () => {
          const [beforeA, beforeB] = await look();
          await sleep((roundS - 1) * 1_000);
          const [afterA, afterB] = await look();
          rates.perS = {
            a: (afterA.answers - beforeA.answers) / (roundS - 1),
            b: (afterB.answers - beforeB.answers) / (roundS - 1),
          };
          rates.all = { a: afterA.all - beforeA.all, b: afterB.all - beforeB.all };
        });
        beside.push({ ...measured, ...rates });
        await Promise.all(
          [[a, keys.a] as const, [b, keys.b] as const].map(([id, key]) =>
            call(url, `/v1/batches/${id}/cancel`, key, {}),
          ),
        );
        await sleep(settleS * 1_000);
      }
      await watch.stop();
      const ttftAlone = median(alone.map(({ ttftP95Ms }) => ttftP95Ms));
      const ttftBeside = median(beside.map(({ ttftP95Ms }) => ttftP95Ms));
      const left = beside.map(
        ({ perS, interactivePerS }) => ((perS.a + perS.b) / (capacity - interactivePerS)) * 100,
      );
      const ratio = mean(beside.map(({ all }) => all.a)) / mean(beside.map(({ all }) => all.b));
      const rest = [...alone, ...beside];
      return {
        settings: {
          ...pace,
          answer_tokens: answerTokens.join("–"),
          interactive_share: interactiveShare,
          weights: "3:1",
          rounds,
          seconds_each: roundS,
        },
        figures: [
          told("tokens of the saturated engine", capacity, "/s"),
          told("  as the engine's pace has it", nominal, "/s"),
          told("requests that the engine generates, with batches", mean(beside.map(({ busy }) => busy))),
          told("tokens of interactive, with batches", mean(beside.map((each) => each.interactivePerS)), "/s"),
          told("tokens of A's batch", mean(beside.map(({ perS }) => perS.a)), "/s"),
          told("tokens of B's batch", mean(beside.map(({ perS }) => perS.b)), "/s"),
          atLeast("  of what interactive leaves", mean(left), 85, "%"),
          told("A : B in tokens", ratio, ": 1"),
          atMost("  off 3:1 by", Math.abs(ratio / (weights.a / weights.b) - 1) * 100, 5, "%"),
          told("TTFT of interactive alone, p95", ttftAlone, "ms"),
          told("TTFT of interactive with batches, p95", ttftBeside, "ms"),
          atMost("  p95 with batches, of p95 alone", ttftBeside / ttftAlone, 1.5, "×"),
          atMost(
            "interactive requests that failed",
            rest.reduce((total, { failed }) => total + failed, 0),
            0,
          ),
          told(
            "requests sent late",
            rest.reduce((total, { late }) => total + late, 0),
          ),
        ],
        notes: [
          "Tokens of batches are those of their `usage`, which is a second old at most; A : B counts prompts too.",
        ],
        details: { alone, beside, left },
      };
    } finally {
      await system.stop();
    }
  },
};

async function call<Answer>(
  url: string,
  path: string,
  key: string,
  body?: FormData | object,
): Promise<Answer> {
  const isForm = body instanceof FormData;
  const response = await fetch(`${url}${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: {
      authorization: `Bearer ${key}`,
      ...(body !== undefined && !isForm && { "content-type": "application/json" }),
    },
    ...(body !== undefined && { body: isForm ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
  return JSON.parse(text) as Answer;
}

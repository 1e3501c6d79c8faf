/** One reader at 1 KB/s on an answer of 200,000 tokens and 1,000 idle subscribers: what they cost, and whom. */
import { readFileSync } from "node:fs";
import { get, request, type IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { Job } from "@expert-router/contracts";
import { waitFor } from "@expert-router/testing";
import type { Child } from "../support/child.js";
import { sseEvents } from "../support/sse.js";
import { TestSystem } from "../support/system.js";

const answerTokens = 200_000;
const subscribers = 1_000;
const bytesPerSecond = 1_024;
const users = 20;
const userTokens = 64;
const measureMs = 20_000;
/** The long answer is made in 40 s. */
const longInterTokenMs = "0.2";

/** Figures of the users beside; ms. */
interface UserFigures {
  readonly answers: number;
  readonly ttftP50: number;
  readonly ttftP95: number;
  readonly itlP50: number;
  readonly itlP95: number;
}

/** What the measurement came to; memory in MB. */
export interface SlowReaderFigures {
  readonly alone: UserFigures;
  readonly beside: UserFigures;
  readonly rssMb: {
    readonly before: number;
    readonly subscribed: number;
    readonly most: number;
    readonly end: number;
  };
  readonly bytesRead: number;
  readonly answerEnded: boolean;
}

/** Runs the measurement. */
export async function measureSlowReader(say: (line: string) => void): Promise<SlowReaderFigures> {
  const experts = { code: ["code"], idle: ["medicine"], general: ["general"] };
  const system = await TestSystem.start({
    experts,
    ingresses: 0,
    workersPerExpert: 0,
    timeToFirstTokenMs: 20,
    interTokenLatencyMs: 10,
  });
  const connections: IncomingMessage[] = [];
  try {
    const fast = await system.startSimulator("code", { args: [`--inter-token-latency=${longInterTokenMs}`] });
    system.startWorker("code", { ENGINE_URL: fast.url });
    system.startWorker("general");
    const url = await system.startIngress();
    await waitFor(
      "two workers",
      async () =>
        (await system.experts()).filter(({ workers, health }) => workers === 1 && health === "healthy")
          .length === 2,
      { timeoutMs: 60_000 },
    );
    const ingress = system.ingresses[0]?.process as Child;
    await measureUsers(url, 5_000);
    const alone = await measureUsers(url, measureMs);
    const before = rssMb(ingress);
    for (let i = 0; i < subscribers; i++) connections.push(await subscribe(url));
    await sleep(1_000);
    const subscribed = rssMb(ingress);
    const reader = await readSlowly(url);
    let most = subscribed;
    const sampling = setInterval(() => (most = Math.max(most, rssMb(ingress))), 250);
    const beside = await measureUsers(url, measureMs);
    await waitFor("the long answer is made", async () => (await system.runningAtUrl(fast.url)) === 0, {
      timeoutMs: 120_000,
      intervalMs: 500,
    }).catch(() => undefined);
    const answerEnded = (await system.runningAtUrl(fast.url)) === 0;
    await sleep(2_000);
    clearInterval(sampling);
    const figures = {
      alone,
      beside,
      rssMb: { before, subscribed, most, end: rssMb(ingress) },
      bytesRead: reader.bytes(),
      answerEnded,
    };
    reader.stop();
    for (const line of tableOf(figures)) say(line);
    return figures;
  } finally {
    for (const connection of connections) connection.destroy();
    await system.stop();
  }
}

/** A job that nobody runs, and a reader of its events. */
async function subscribe(url: string): Promise<IncomingMessage> {
  const body = { model: "idle", messages: [{ role: "user", content: "Wait." }] };
  const response = await fetch(`${url}/v1/jobs`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ endpoint: "/v1/chat/completions", body }),
  });
  const { id } = (await response.json()) as Job;
  return new Promise((resolve, reject) => {
    get(`${url}/v1/jobs/${id}/events`, { agent: false }, (events) => {
      events.on("error", () => undefined);
      events.resume();
      resolve(events);
    }).on("error", reject);
  });
}

/** Reads a long answer at its own pace; the kernel's buffers fill, and then the ingress has to wait. */
function readSlowly(url: string): Promise<{ bytes: () => number; stop: () => void }> {
  const body = JSON.stringify({
    model: "code",
    stream: true,
    max_tokens: answerTokens,
    messages: [{ role: "user", content: "Write a very long program." }],
  });
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const call = request(
      `${url}/v1/chat/completions`,
      { method: "POST", headers, agent: false },
      (answer) => {
        let bytes = 0;
        answer.on("error", () => undefined);
        answer.pause();
        const timer = setInterval(() => {
          const piece = answer.read(bytesPerSecond) as Buffer | null;
          bytes += piece?.length ?? 0;
        }, 1_000);
        const stop = (): void => {
          clearInterval(timer);
          answer.destroy();
        };
        resolve({ bytes: () => bytes, stop });
      },
    );
    call.on("error", reject);
    call.end(body);
  });
}

/** Users who ask again as soon as they have their answer. */
async function measureUsers(url: string, forMs: number): Promise<UserFigures> {
  const ttft: number[] = [];
  const itl: number[] = [];
  const deadline = performance.now() + forMs;
  await Promise.all(
    Array.from({ length: users }, async (_, user) => {
      while (performance.now() < deadline) await askOnce(url, user, ttft, itl);
    }),
  );
  return {
    answers: ttft.length,
    ttftP50: quantile(ttft, 0.5),
    ttftP95: quantile(ttft, 0.95),
    itlP50: quantile(itl, 0.5),
    itlP95: quantile(itl, 0.95),
  };
}

async function askOnce(url: string, user: number, ttft: number[], itl: number[]): Promise<void> {
  const startedAtMs = performance.now();
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      model: "general",
      stream: true,
      max_tokens: userTokens,
      messages: [{ role: "user", content: `User ${user} at ${startedAtMs}` }],
    }),
  });
  let last: number | undefined;
  for await (const { data } of sseEvents(response)) {
    if (data === "[DONE]" || !data.includes('"content":"')) continue;
    const now = performance.now();
    if (last === undefined) ttft.push(now - startedAtMs);
    else itl.push(now - last);
    last = now;
  }
}

function quantile(values: readonly number[], at: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.round((sorted[Math.floor(at * (sorted.length - 1))] ?? 0) * 10) / 10;
}

function rssMb({ pid }: Child): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Math.round(Number(kilobytes) / 1_024);
}

function tableOf({ alone, beside, rssMb: rss, bytesRead, answerEnded }: SlowReaderFigures): string[] {
  const row = (name: string, { answers, ttftP50, ttftP95, itlP50, itlP95 }: UserFigures): string =>
    `| ${name} | ${answers} | ${ttftP50} / ${ttftP95} | ${itlP50} / ${itlP95} |`;
  return [
    `| ${users} other users, ${measureMs / 1_000} s | answers | TTFT p50 / p95 (ms) | between tokens p50 / p95 (ms) |`,
    "| --- | ---: | ---: | ---: |",
    row("alone", alone),
    row(`beside the slow reader and ${subscribers} subscribers`, beside),
    "",
    `memory of the ingress (RSS, MB): ${rss.before} before, ${rss.subscribed} with ${subscribers} subscribers, ` +
      `${rss.most} at most, ${rss.end} at the end`,
    `the long answer was ${answerEnded ? "made to its end" : "still being made"}; its reader had taken ${bytesRead} bytes`,
  ];
}

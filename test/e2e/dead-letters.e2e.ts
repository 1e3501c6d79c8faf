import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { redisKeys, type DeadLetter, type Job, type RequestId } from "@expert-router/contracts";
import { simulatedAnswer } from "@expert-router/engine-sim";
import { waitFor } from "@expert-router/testing";
import { connectRedis } from "@expert-router/redis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { simulatorSeed, TestSystem } from "../support/system.js";

let system: TestSystem;
beforeAll(async () => {
  system = await TestSystem.start({
    experts: { code: ["code"] },
    config: { limits: { max_attempts: 2 }, retention: { sync_s: 1, jobs_s: 3, dead_s: 600 } },
  });
});
afterAll(async () => system?.stop());

const maxTokens = 20;
const secret = "Sort my secret list.";

async function dead(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const command = ["apps/cli/bin/expert-router.mjs", "dead", ...args];
  const env = { ...process.env, REDIS_URL: system.redis.url, EXPERT_ROUTER_CONFIG: system.configPath };
  return promisify(execFile)(process.execPath, command, { env }).then(
    ({ stdout, stderr }) => ({ code: 0, out: stdout, err: stderr }),
    (error: { code: number; stdout: string; stderr: string }) => ({
      code: error.code,
      out: error.stdout,
      err: error.stderr,
    }),
  );
}

async function submit(fault: string, content: string): Promise<Job> {
  const messages = [{ role: "user", content }];
  const body = { model: "code", max_tokens: maxTokens, messages, x_sim_fault: fault };
  const response = await fetch(`${system.url}/v1/jobs`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ endpoint: "/v1/chat/completions", body, metadata: { run: "7" } }),
  });
  return (await response.json()) as Job;
}

async function job(id: string): Promise<Job> {
  return (await (await fetch(`${system.url}/v1/jobs/${id}`)).json()) as Job;
}

/** Those of the list that `ids` names. */
async function listed(...ids: string[]): Promise<DeadLetter[]> {
  const { out } = await dead("list", "--json");
  return (JSON.parse(out) as DeadLetter[]).filter(({ id }) => ids.includes(id));
}

describe("a poison job", () => {
  it("is stopped after its attempts, outlives its retention, and can be shown, replayed once, and dropped", async () => {
    // Strikes with every request: the replay is poison as well.
    const { id } = await submit("http-500", secret);
    await waitFor("it is dead", async () => (await listed(id)).length === 1, { timeoutMs: 20_000 });
    expect(await listed(id)).toMatchObject([{ expert: "code", code: "engine_error", attempts: 2 }]);
    const text = await dead("list");
    expect(text.out).toContain(id);
    expect(text.out).not.toContain(secret);

    await new Promise((resolve) => setTimeout(resolve, 3_500));
    expect((await job(id)).status, "kept past retention.jobs_s").toBe("failed");
    expect((await dead("show", id)).out).toContain(secret);

    const first = await dead("replay", id);
    const replay = /replayed as (req_\w+)/.exec(first.out)?.[1] ?? "";
    expect(replay).not.toBe("");
    expect((await dead("replay", id)).out).toContain(`replayed before as ${replay}`);
    expect((await dead("show", id)).err).toContain(`was replayed as ${replay}`);
    await waitFor("the replay is dead", async () => (await listed(replay)).length === 1, {
      timeoutMs: 20_000,
    });
    expect(await listed(id), "the old one is settled").toEqual([]);
    expect((await job(replay)).metadata).toEqual({ run: "7", replay_of: id });

    expect(await dead("drop", replay)).toMatchObject({ code: 0, out: `${replay}: dropped\n` });
    expect(await dead("drop", replay)).toMatchObject({
      code: 1,
      out: expect.stringContaining("is no dead letter"),
    });
    expect(await dead("show", "job_1")).toMatchObject({
      code: 2,
      err: expect.stringContaining("not the id"),
    });
    expect(await dead("replay")).toMatchObject({
      code: 2,
      err: expect.stringContaining("either ids or --all"),
    });
  });

  it("is replayed with all others, and answered once its cause is gone", async () => {
    const prompts = [`${secret} Again.`, `${secret} And again.`];
    const jobs = await Promise.all(prompts.map((content) => submit("http-500", content)));
    const ids = jobs.map(({ id }) => id);
    await waitFor("both are dead", async () => (await listed(...ids)).length === 2, { timeoutMs: 20_000 });
    // The cause goes: the faulty field is taken out of what is kept.
    const redis = connectRedis(system.redis.url, { mode: "wait", name: "test", onError: () => undefined });
    for (const { id } of jobs) {
      const key = redisKeys.meta(id as RequestId);
      const body = JSON.parse((await redis.hget(key, "body")) ?? "") as Record<string, unknown>;
      delete body["x_sim_fault"];
      await redis.hset(key, "body", JSON.stringify(body));
    }
    const { out } = await dead("replay", "--all", "--json");
    const replays = JSON.parse(out) as { id: string; outcome: string; job: string }[];
    expect(replays.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
    for (const [i, id] of ids.entries()) {
      const replay = replays.find((one) => one.id === id)?.job as RequestId;
      const messages = [{ role: "user", content: prompts[i] ?? "" }];
      const prompt = { endpoint: "/v1/chat/completions", messages } as const;
      const expected = simulatedAnswer({ ...prompt, seed: simulatorSeed, maxTokens });
      await waitFor("its answer is there", async () => {
        const log = await redis.xrange(redisKeys.log(replay), "-", "+");
        const deltas = log.flatMap(([, [kind, value]]) =>
          kind === "d" ? (JSON.parse(value ?? "") as unknown[]) : [],
        );
        return deltas.filter((delta) => typeof delta === "string").join("") === expected.tokens.join("");
      });
    }
    redis.disconnect();
    expect((await dead("replay", "--all")).out).toBe("no dead letters\n");
  });
});

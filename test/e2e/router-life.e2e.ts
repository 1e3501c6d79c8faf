import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { RouterManifest } from "@expert-router/classifier";
import type { RouterStatus } from "@expert-router/contracts";
import { artifactVersion, sha256 } from "@expert-router/embedder";
import { simulatedAnswer } from "@expert-router/engine-sim";
import { connectRedis } from "@expert-router/redis";
import { deploy, RedisDeploymentStore, rollOut } from "@expert-router/router-state";
import { waitFor } from "@expert-router/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Child } from "../support/child.js";
import { sseEvents } from "../support/sse.js";
import { simulatorSeed, TestSystem } from "../support/system.js";

const streams = 200;
/** At four a second, so that a stream lasts longer than most changes and two cores have time for them. */
const tokens = 16;
const endpoint = "/v1/chat/completions";
const shipped = fileURLToPath(new URL("../../routers/default", import.meta.url));

let folder: string;
let base: Artifact;
let copies = 0;
let system: TestSystem;
let redis: ReturnType<typeof connectRedis>;

interface Artifact {
  readonly path: string;
  readonly version: string;
}

/** A copy of the shipped artifact whose last feature weighs a little else, which makes it another version. */
function artifactCopy(name: string): Artifact {
  const path = join(folder, name);
  cpSync(shipped, path, { recursive: true });
  const vocabulary = readFileSync(join(path, "vocabulary.bin"));
  copies += 1;
  vocabulary.writeFloatLE(1 + copies / 100, vocabulary.length - 4);
  writeFileSync(join(path, "vocabulary.bin"), vocabulary);
  const manifest = JSON.parse(readFileSync(join(path, "router.json"), "utf8")) as RouterManifest;
  const of = { sha256: sha256(vocabulary), bytes: vocabulary.length };
  const changed = { ...manifest, files: { ...manifest.files, "vocabulary.bin": of } };
  const version = artifactVersion(changed);
  writeFileSync(join(path, "router.json"), JSON.stringify({ ...changed, version }));
  return { path, version };
}

/** Flips one bit of the model. */
function spoil(artifact: Artifact): Artifact {
  const file = join(artifact.path, "router.onnx");
  const bytes = readFileSync(file);
  bytes[bytes.length >> 1]! ^= 1;
  writeFileSync(file, bytes);
  return artifact;
}

/** Puts an artifact in the place of the configured one, as `train` does. */
function replaceBase({ path }: Artifact): void {
  renameSync(base.path, `${base.path}.${Date.now()}`);
  renameSync(path, base.path);
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "expert-router-life-"));
  base = artifactCopy("base");
  system = await TestSystem.start({
    ingresses: 2,
    interTokenLatencyMs: 250,
    config: {
      router: { artifact: base.path, threshold: 0.45, keep_prompts: { sample: 1, max: 100, days: 1 } },
    },
  });
  redis = connectRedis(system.redis.url, { mode: "wait", name: "test", onError: () => undefined });
});
afterAll(async () => {
  redis?.disconnect();
  await system?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs `expert-router router …` beside the system. */
async function router(...args: string[]): Promise<{ code: number | null; output: string }> {
  const child = Child.node("router", "apps/cli/bin/expert-router.mjs", {
    args: ["router", ...args],
    env: { REDIS_URL: system.redis.url, EXPERT_ROUTER_CONFIG: system.configPath },
  });
  const code = await child.exited();
  return { code, output: child.log };
}

async function statuses(): Promise<RouterStatus[]> {
  const answers = system.ingresses.map(async ({ url }) => (await fetch(`${url}/v1/router`)).json());
  return (await Promise.all(answers)) as RouterStatus[];
}

async function whenAll(what: string, holds: (status: RouterStatus) => boolean): Promise<void> {
  await waitFor(what, async () => (await statuses()).every(holds), { timeoutMs: 30_000, intervalMs: 100 });
}

const activeVersions = async (): Promise<(string | null)[]> =>
  (await statuses()).map(({ active }) => active.version);

/** One user with one stream open at a time, for ever; counts answers and notes what was wrong with one. */
async function user(
  number: number,
  done: AbortSignal,
  seen: { answers: number; wrong: string[] },
): Promise<void> {
  const { url } = system.ingresses[number % system.ingresses.length]!;
  for (let turn = 0; !done.aborted; turn++) {
    const topic = number % 2 === 0 ? "Why does this Python loop never end?" : "Who painted the Night Watch?";
    const messages = [{ role: "user", content: `${topic} ${number}.${turn}` }];
    const expected = simulatedAnswer({
      seed: simulatorSeed,
      endpoint,
      messages,
      maxTokens: tokens,
    }).tokens.join("");
    try {
      const response = await fetch(`${url}${endpoint}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ model: "auto", stream: true, max_tokens: tokens, messages }),
      });
      let text = "";
      let last = "";
      for await (const { data } of sseEvents(response)) {
        last = data;
        if (data === "[DONE]") continue;
        const { choices } = JSON.parse(data) as { choices: { delta: { content?: string } }[] };
        text += choices[0]?.delta.content ?? "";
      }
      seen.answers++;
      if (text !== expected || last !== "[DONE]")
        seen.wrong.push(`${response.status}: ${text.slice(0, 80)} … ${last}`);
    } catch (error) {
      seen.wrong.push(String(error));
    }
  }
}

describe(`versions of the router under ${streams} concurrent streams`, () => {
  it("are reloaded, deployed, refused and rolled back without an error or a lost token", async () => {
    const done = new AbortController();
    const fresh = artifactCopy("fresh");
    const seen = { answers: 0, wrong: [] as string[] };
    const users = Promise.all(
      Array.from({ length: streams }, (_, number) => user(number, done.signal, seen)),
    );
    try {
      // A new artifact at the configured place is taken up by itself.
      replaceBase(fresh);
      await whenAll("the new base artifact", ({ active }) => active.version === fresh.version);

      // A broken one is refused, and the one before stays.
      replaceBase(spoil(artifactCopy("broken")));
      await whenAll("the refusal", ({ refusals }) => refusals[0]?.code === "artifact_corrupt");
      expect(await activeVersions()).toEqual([fresh.version, fresh.version]);

      const next = artifactCopy("next");
      expect(await router("deploy", next.path)).toEqual({
        code: 0,
        output: "revision 1: served by all 2 replicas\n",
      });
      expect(await activeVersions()).toEqual([next.version, next.version]);

      // What the command itself could still load, and a replica cannot.
      const store = new RedisDeploymentStore(redis);
      const now = await store.read();
      const refused = await rollOut(store, now, deploy(now, spoil(artifactCopy("late"))));
      expect(refused).toMatchObject({ end: "refused", deployment: { active: { version: next.version } } });
      expect(JSON.stringify(refused.replicas)).toMatch(/router\.onnx hashes to/);
      expect(await activeVersions()).toEqual([next.version, next.version]);

      expect(await router("rollback")).toEqual({
        code: 0,
        output: expect.stringContaining("served by all 2 replicas") as string,
      });
      expect(await activeVersions()).toEqual([fresh.version, fresh.version]);
      await waitFor("answers that began after the last change", () => seen.answers >= 2 * streams, {
        timeoutMs: 60_000,
      });
    } finally {
      done.abort();
      await users;
    }
    expect(seen.wrong).toEqual([]);

    const metrics = await (await fetch(`${system.url}/metrics`)).text();
    expect(metrics).toContain('expert_router_router_loads_total{role="base",result="refused"} 1');
    expect(metrics).toContain(`expert_router_router_version{role="active",version="${fresh.version}"} 1`);
    expect(metrics).toMatch(/^expert_router_router_decisions_total{role="active"} \d{2,}$/m);
  }, 120_000);

  it("are shown to the operator, a broken one is refused before anybody hears of it", async () => {
    const { code, output } = await router("deploy", spoil(artifactCopy("spoilt")).path);
    expect(code).toBe(1);
    expect(output).toMatch(/^error: .*router\.onnx hashes to [0-9a-f]+, router\.json says/);
    expect((await router("status")).output).toMatch(
      /active +the configured artifact\n[^]*active tfidf-linear-[0-9a-f]{12}\n/,
    );
  });

  it("leave prompts for the next training where the operator wants them", async () => {
    const file = join(folder, "live.jsonl");
    expect(await router("prompts", "--output", file)).toMatchObject({ code: 0 });
    const lines = readFileSync(file, "utf8").trimEnd().split("\n");
    expect(lines).toHaveLength(100);
    expect(JSON.parse(lines[0]!)).toMatchObject({
      text: expect.stringMatching(/Night Watch|Python/) as string,
      source: "live",
    });
    expect((await router("prompts", "--clear")).output).toBe("100 prompts forgotten\n");
  });
});

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { keyTenant, userTenant } from "@expert-router/contracts";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ConfigError } from "./config-error.js";
import { loadSystemConfig } from "./system-config.js";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "expert-router-config-"));
  mkdirSync(join(folder, "routers/default"), { recursive: true });
  writeFileSync(join(folder, "routers/default/router.json"), "{}");
});

afterEach(() => rmSync(folder, { recursive: true }));

const valid = `router: { artifact: ./routers/default }
fallback: general
experts:
  - id: code
    domains: [code, sql]
    engine: { kind: vllm, url: http://127.0.0.1:8001/, model: m, concurrency: 256, api_key: secret }
  - id: general
    domains: [general]
    engine:
      kind: sim
      url: http://127.0.0.1:8002
      model: simulated-general
`;

function load(text: string) {
  const path = join(folder, "expert-router.yaml");
  writeFileSync(path, text);
  return loadSystemConfig(path);
}

function problemsOf(text: string): readonly string[] {
  try {
    load(text);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe("loadSystemConfig", () => {
  it("reads a file, fills in defaults and resolves the artifact", () => {
    const config = load(valid);
    expect(config.router).toEqual({
      artifact: join(folder, "routers/default"),
      threshold: 0.45,
      spillMargin: 0.1,
      stickiness: 0.15,
    });
    expect(config.limits).toEqual({
      maxAttempts: 3,
      jobLockS: 60,
      syncTimeoutS: 600,
      queueTimeoutS: 600,
      runTimeoutS: 3_600,
      maxAnswerTokens: 1_000_000,
      maxAnswerMb: 16,
      maxTenantMb: 2_048,
    });
    expect(config.retention).toEqual({ syncS: 600, jobsS: 86_400, deadS: 604_800 });
    expect(config.experts[0]?.engine).toEqual({
      kind: "vllm",
      url: "http://127.0.0.1:8001",
      model: "m",
      concurrency: 256,
      apiKey: "secret",
      firstTokenTimeoutMs: 120_000,
      interTokenTimeoutMs: 30_000,
    });
    expect(config.experts[1]?.clusters).toEqual([]);
  });

  it("keeps prompts only where it is told to", () => {
    const keeping = (keys: string) => valid.replace("artifact:", `keep_prompts: {${keys}}, artifact:`);
    expect(load(valid).router?.keepPrompts).toBeUndefined();
    expect(load(keeping("")).router?.keepPrompts).toEqual({ sample: 0.01, max: 10_000, days: 30 });
    expect(load(keeping(" sample: 1, days: 2 ")).router?.keepPrompts).toEqual({
      sample: 1,
      max: 10_000,
      days: 2,
    });
    expect(problemsOf(keeping(" sample: 0, weeks: 2 "))).toEqual([
      expect.stringMatching(/^line 1: router\.keep_prompts\.sample: /),
      "line 1: router.keep_prompts.weeks: unknown key; known keys: sample, max, days",
    ]);
  });

  it("names the nearest key and the line of an unknown one, at every depth", () => {
    expect(problemsOf(valid.replace("fallback:", "fallbak: x\nfallback:"))).toEqual([
      "line 2: fallbak: unknown key; did you mean 'fallback'?",
    ]);
    expect(problemsOf(valid.replace("artifact:", "treshold: 0.3, artifact:"))).toEqual([
      "line 1: router.treshold: unknown key; did you mean 'threshold'?",
    ]);
    expect(problemsOf(valid.replace("      kind: sim", "      kind: sim\n      concurency: 3"))).toEqual([
      "line 11: experts[1].engine.concurency: unknown key; did you mean 'concurrency'?",
    ]);
    expect(problemsOf(`${valid}limits: { maxAttempts: 3, colour: red }\n`)).toEqual([
      "line 13: limits.maxAttempts: unknown key; did you mean 'max_attempts'?",
      "line 13: limits.colour: unknown key; known keys: max_attempts, job_lock_s, sync_timeout_s, queue_timeout_s, run_timeout_s, max_answer_tokens, max_answer_mb, max_tenant_mb, max_stored_mb",
    ]);
  });

  it("reports all problems together, of single values and between keys", () => {
    const problems = problemsOf(
      valid
        .replace("fallback: general", "fallback: nobody")
        .replace("kind: vllm", "kind: vlm")
        .replace("concurrency: 256", "concurrency: 0")
        .replace("id: general", "id: code")
        .replace("[general]", "[sql]")
        .replace("./routers/default", "./elsewhere"),
    );
    expect(problems).toHaveLength(6);
    const all = problems.join("\n");
    expect(all).toMatch(/line 6: experts\[0\]\.engine\.kind: expected one of .*"vllm"/);
    expect(all).toMatch(/line 6: experts\[0\]\.engine\.concurrency: .*1/);
    expect(all).toContain("line 7: experts[1].id: 'code' is the id of an earlier expert");
    expect(all).toContain("line 8: experts[1].domains[0]: domain 'sql' is claimed by expert 'code' already");
    expect(all).toContain("line 2: fallback: 'nobody' is no expert; the experts are code, code");
    expect(all).toContain(`there is no router artifact: ${join(folder, "elsewhere/router.json")} is missing`);
  });

  it("reads who is served when, and names tenants as requests do", () => {
    const text = `${valid}scheduling:
  classes: { batch: { min_share: 0.2, max_queued: 7, max_wait_s: 60 } }
  default_tenant: { max_waiting: 5 }
  tenants: [{ user: alice, weight: 3 }, { name: them, key_sha256: ${"A".repeat(64)}, max_running: 2 }]
`;
    expect(load(valid).scheduling).toEqual({
      headroom: 0.1,
      classes: {
        interactive: { minShare: 0, maxQueued: 10_000 },
        async: { minShare: 0.1, maxQueued: 100_000 },
        batch: { minShare: 0.05, maxQueued: 100_000 },
      },
      defaultTenant: { weight: 1 },
      tenants: new Map(),
    });
    const { classes, defaultTenant, tenants } = load(text).scheduling;
    expect(classes.batch).toEqual({ minShare: 0.2, maxQueued: 7, maxWaitS: 60 });
    expect(defaultTenant).toEqual({ weight: 1, maxWaiting: 5 });
    expect([...tenants]).toEqual([
      [userTenant("alice"), { weight: 3 }],
      [keyTenant("a".repeat(64)), { weight: 1, maxRunning: 2 }],
    ]);
  });

  it("refuses shares beyond what there is, a tenant twice, and a queue budget beyond the whole", () => {
    const half = "{ min_share: 0.4 }";
    expect(
      problemsOf(`${valid}scheduling:
  classes: { interactive: ${half}, async: ${half}, batch: ${half} }
  tenants: [{ user: a }, { user: b }, { user: a }, { key_sha256: x }]
limits: { sync_timeout_s: 10, queue_timeout_s: 11 }
`),
    ).toEqual([
      expect.stringContaining("scheduling.tenants[3].key_sha256: expected 64 hexadecimal digits"),
      "line 14: scheduling.classes: the minimum shares add up to 1.2; there is only 1 to share",
      "line 15: scheduling.tenants[2].user: an earlier tenant is the same",
      "line 16: limits.queue_timeout_s: 11 s is more than a request may take in all (limits.sync_timeout_s, 10 s)",
    ]);
    const both = `tenants: [{ user: c, key_sha256: ${"a".repeat(64)} }]`;
    expect(problemsOf(`${valid}scheduling: { ${both} }\n`)[0]).toContain(
      "give either 'user' or 'key_sha256'",
    );
  });

  it("refuses ids that cannot be a model name or a queue name", () => {
    expect(problemsOf(valid.replaceAll("id: code", "id: auto"))[0]).toContain("'auto' is reserved");
    for (const id of ["Code", "-code", "a b", "a".repeat(65)]) {
      expect(problemsOf(valid.replace("id: code", `id: ${id}`)).join(), id).toContain(
        "experts[0].id: expected lower-case",
      );
    }
  });

  it("needs a router as soon as there are two experts", () => {
    expect(problemsOf(valid.replace(/^router.*\n/, ""))).toEqual([
      "router: is missing; it may be left out only with a single expert",
    ]);
    const single =
      "fallback: a\nexperts: [{ id: a, engine: { kind: sim, url: http://localhost:1, model: m } }]\n";
    expect(load(single).router).toBeUndefined();
  });

  it("says what is wrong with a file that is no configuration", () => {
    expect(problemsOf("")).toEqual(["the file: expected object, received null"]);
    expect(problemsOf("experts: [\n  {")[0]).toMatch(/^line \d+: /);
    expect(() => loadSystemConfig(join(folder, "none.yaml"))).toThrow("there is no such file");
  });

  it("lets a worker do without the artifact", () => {
    const path = join(folder, "expert-router.yaml");
    writeFileSync(path, valid.replace("./routers/default", "./elsewhere"));
    expect(loadSystemConfig(path, { needsArtifact: false }).router?.artifact).toBe(join(folder, "elsewhere"));
  });
});

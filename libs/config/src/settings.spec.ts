import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  childEnvironment,
  readClientSettings,
  readCommandSettings,
  readModelSettings,
} from "./command-settings.js";
import { readIngressSettings } from "./ingress-settings.js";
import { masked } from "./masked.js";
import { readWorkerSettings } from "./worker-settings.js";

let folder: string;
let config: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "expert-router-settings-"));
  config = join(folder, "system.yaml");
  writeFileSync(join(folder, "router.json"), "{}");
  writeFileSync(
    config,
    `router: { artifact: . }
fallback: general
experts:
  - { id: code, engine: { kind: vllm, url: "http://127.0.0.1:8001", model: m, api_key: from-file } }
  - { id: general, engine: { kind: sim, url: "http://127.0.0.1:8002", model: simulated } }
`,
  );
});

afterAll(() => rmSync(folder, { recursive: true }));

describe("readIngressSettings", () => {
  it("has defaults for everything but the file", () => {
    const settings = readIngressSettings({ EXPERT_ROUTER_CONFIG: config, PORT: "" });
    expect(settings).toMatchObject({
      host: "127.0.0.1",
      port: 3_000,
      redisUrl: "redis://127.0.0.1:6379",
      apiKeys: [],
      logLevel: "info",
      dataDir: join(process.cwd(), ".expert-router"),
    });
  });

  it("refuses to be reachable from elsewhere without keys", () => {
    const open = { EXPERT_ROUTER_CONFIG: config, HOST: "0.0.0.0" };
    expect(() => readIngressSettings(open)).toThrow("EXPERT_ROUTER_API_KEYS must hold at least one key");
    expect(() => readIngressSettings({ ...open, EXPERT_ROUTER_API_KEYS: " , " })).toThrow("at least one key");
    expect(readIngressSettings({ ...open, EXPERT_ROUTER_API_KEYS: "a, b,a" }).apiKeys).toEqual(["a", "b"]);
    for (const HOST of ["127.0.0.2", "::1", "localhost"])
      expect(readIngressSettings({ ...open, HOST }).host).toBe(HOST);
  });

  it("reports the variables' and the file's problems together, and no secret with them", () => {
    const broken = {
      EXPERT_ROUTER_CONFIG: "/nowhere.yaml",
      PORT: "eighty",
      LOG_LEVEL: "loud",
      REDIS_URL: "http://:hunter2@x",
    };
    expect(() => readIngressSettings(broken)).toThrow(
      expect.objectContaining({
        problems: [
          "REDIS_URL: expected a URL that begins with redis://, rediss://, redis+sentinel://, rediss+sentinel://, redis+cluster:// or rediss+cluster://",
          "LOG_LEVEL: expected one of fatal, error, warn, info, debug, trace, silent, not 'loud'",
          "PORT: expected a whole number from 0 to 65535, not 'eighty'",
          "there is no such file; EXPERT_ROUTER_CONFIG names the file to use",
        ],
      }) as Error,
    );
  });
});

describe("readWorkerSettings", () => {
  it("applies the worker's own engine to its expert", () => {
    const settings = readWorkerSettings({
      EXPERT_ROUTER_CONFIG: config,
      EXPERT: "code",
      ENGINE_URL: "http://gpu-2:8000/",
      ENGINE_KIND: "sglang",
      ENGINE_API_KEY: "from-env",
      WORKER_CONCURRENCY: "7",
    });
    expect(settings.expert).toMatchObject({
      id: "code",
      engine: { kind: "sglang", url: "http://gpu-2:8000", model: "m", apiKey: "from-env", concurrency: 7 },
    });
    expect(settings.system.experts[0]?.engine.apiKey).toBe("from-file");
  });

  it("needs to know its expert", () => {
    expect(() => readWorkerSettings({ EXPERT_ROUTER_CONFIG: config })).toThrow(
      "EXPERT: name the expert to work for: code, general",
    );
    expect(() => readWorkerSettings({ EXPERT_ROUTER_CONFIG: config, EXPERT: "coed" })).toThrow(
      "did you mean 'code'?",
    );
  });
});

describe("settings of commands", () => {
  it("leave Redis open where nothing names one", () => {
    expect(readCommandSettings({ EXPERT_ROUTER_CONFIG: config }).redisUrl).toBeUndefined();
    expect(readCommandSettings({ EXPERT_ROUTER_CONFIG: config, REDIS_URL: "redis://h:1" }).redisUrl).toBe(
      "redis://h:1",
    );
  });

  it("address the ingress", () => {
    expect(readClientSettings({})).toEqual({ url: "http://127.0.0.1:3000", apiKey: undefined });
    expect(readClientSettings({ HOST: "::1", PORT: "8080", EXPERT_ROUTER_API_KEYS: "a,b" })).toEqual({
      url: "http://[::1]:8080",
      apiKey: "a",
    });
  });

  it("give a child its variables", () => {
    expect(childEnvironment({ B: "2", C: undefined }, { A: "1", C: "3" })).toEqual({ A: "1", B: "2" });
  });
});

describe("masked", () => {
  it("hides keys and passwords at every depth", () => {
    const text = JSON.stringify(
      masked({
        apiKeys: ["k1", "k2"],
        redisUrl: "rediss://user:p:a@s@host:6379/0",
        sentinelUrl: "redis+sentinel://:p@ss@s1:26379,s2:26379/mymaster",
        experts: [{ engine: { apiKey: "k3", url: "http://h" } }],
      }),
    );
    expect(JSON.parse(text)).toEqual({
      apiKeys: ["***", "***"],
      redisUrl: "rediss://user:***@host:6379/0",
      sentinelUrl: "redis+sentinel://:***@s1:26379,s2:26379/mymaster",
      experts: [{ engine: { apiKey: "***", url: "http://h" } }],
    });
  });
});

describe("readModelSettings", () => {
  it("asks the public hub unless told otherwise, and keeps models in the data folder", () => {
    expect(readModelSettings({ EXPERT_ROUTER_DATA_DIR: "/data" })).toEqual({
      endpoint: "https://huggingface.co",
      token: undefined,
      folder: "/data/models",
    });
    expect(readModelSettings({ HF_ENDPOINT: "http://hub.local:8080", HF_TOKEN: "t" })).toMatchObject({
      endpoint: "http://hub.local:8080",
      token: "t",
    });
  });

  it("refuses an address that is none", () => {
    expect(() => readModelSettings({ HF_ENDPOINT: "hub.local" })).toThrow(/HF_ENDPOINT: expected a URL/);
  });
});

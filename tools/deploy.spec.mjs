/** The deployment files against the sources: without a Docker engine this is what can be checked of them. */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { loadSystemConfig } from "@expert-router/config";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";

const at = (path) => new URL(`../${path}`, import.meta.url);
const read = (path) => readFileSync(at(path), "utf8");

describe("the Dockerfile", () => {
  it("copies the manifest of every package before it installs", () => {
    const copied = [
      ...read("deploy/docker/Dockerfile").matchAll(/^COPY ((?:apps|libs)\/[\w-]+)\/package\.json/gm),
    ];
    const packages = ["apps", "libs"].flatMap((group) =>
      readdirSync(at(group)).map((name) => `${group}/${name}`),
    );
    const real = packages.filter((folder) => existsSync(at(`${folder}/package.json`)));
    expect(copied.map(([, folder]) => folder).toSorted()).toEqual(real.toSorted());
  });
});

describe("the compose file", () => {
  const compose = parse(read("deploy/compose/compose.yaml"), { merge: true });
  const config = loadSystemConfig(at("deploy/compose/expert-router.yaml").pathname, { needsArtifact: false });

  it("runs a worker for every expert, and the engine that the worker calls", () => {
    for (const { id, engine } of config.experts) {
      expect(compose.services[`worker-${id}`].environment).toMatchObject({
        EXPERT: id,
        REDIS_URL: "redis://redis:6379",
      });
      const { hostname, port } = new URL(engine.url);
      expect(compose.services[hostname].command).toContain(`--port=${port}`);
      expect(compose.services[hostname].command).toContain(`--model=${engine.model}`);
    }
  });

  it("depends on services that exist, waits for health, and gives every service a check", () => {
    for (const [name, service] of Object.entries(compose.services)) {
      expect(service.healthcheck, name).toBeDefined();
      for (const [needed, { condition }] of Object.entries(service.depends_on ?? {})) {
        expect(compose.services, name).toHaveProperty(needed);
        expect(condition).toBe("service_healthy");
      }
    }
  });

  it("keeps the queues", () => {
    const command = compose.services.redis.command.join(" ");
    expect(command).toContain("--appendonly yes");
    expect(command).toContain("--maxmemory-policy noeviction");
  });
});

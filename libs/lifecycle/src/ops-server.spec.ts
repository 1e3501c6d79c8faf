import { afterEach, describe, expect, it } from "vitest";
import { Lifecycle } from "./lifecycle.js";
import { startOpsServer, type OpsServer } from "./ops-server.js";

let server: OpsServer | undefined;
afterEach(() => server?.close());

async function start(lifecycle = new Lifecycle(), metrics = () => Promise.resolve("expert_router_up 1\n")) {
  const registry = { contentType: "text/plain; version=0.0.4", metrics };
  server = await startOpsServer({ host: "127.0.0.1", port: 0, lifecycle, metrics: { registry } });
  return (path: string) => fetch(`http://127.0.0.1:${server?.port}${path}`);
}

describe("startOpsServer", () => {
  it("is alive before it is ready", async () => {
    const lifecycle = new Lifecycle();
    lifecycle.addReadinessCheck("engine", () => true);
    const get = await start(lifecycle);
    expect((await get("/healthz")).status).toBe(200);
    const before = await get("/readyz");
    expect(before.status).toBe(503);
    expect(await before.json()).toEqual({ ready: false, checks: { engine: true }, state: "starting" });
    lifecycle.ready();
    expect((await get("/readyz?verbose")).status).toBe(200);
  });

  it("serves metrics, and nothing else", async () => {
    const get = await start();
    const metrics = await get("/metrics");
    expect(metrics.headers.get("content-type")).toContain("version=0.0.4");
    expect(await metrics.text()).toBe("expert_router_up 1\n");
    expect((await get("/")).status).toBe(404);
  });

  it("answers 500 when the metrics cannot be rendered", async () => {
    const get = await start(new Lifecycle(), () => Promise.reject(new Error("broken collector")));
    expect((await get("/metrics")).status).toBe(500);
  });

  it("rejects when the port is taken", async () => {
    await start();
    const port = server?.port ?? 0;
    const metrics = { registry: { contentType: "text/plain", metrics: () => Promise.resolve("") } };
    const second = startOpsServer({ host: "127.0.0.1", port, lifecycle: new Lifecycle(), metrics });
    await expect(second).rejects.toThrow("EADDRINUSE");
  });
});

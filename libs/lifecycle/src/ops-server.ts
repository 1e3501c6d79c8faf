import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Lifecycle } from "./lifecycle.js";

/** Whatever renders metrics as Prometheus text; `registry` of the telemetry library fits. */
export interface MetricsSource {
  readonly registry: { readonly contentType: string; metrics(): Promise<string> };
}

export interface OpsServerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly lifecycle: Lifecycle;
  readonly metrics: MetricsSource;
}

export interface OpsServer {
  readonly port: number;
  /** Stops listening and cuts open connections. */
  close(): Promise<void>;
}

/** Serves `/healthz`, `/readyz` and `/metrics` for a process without an HTTP interface of its own. */
export async function startOpsServer(options: OpsServerOptions): Promise<OpsServer> {
  const server = createServer({ requestTimeout: 10_000 }, (request, response) => {
    request.resume();
    const path = request.url?.split("?", 1)[0];
    answer(path, options, response).catch((error: unknown) => {
      if (!response.headersSent) sendJson(response, 500, { status: "error", message: String(error) });
      else response.destroy();
    });
  });
  await listening(server, options.port, options.host);
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  path: string | undefined,
  options: OpsServerOptions,
  response: ServerResponse,
): Promise<void> {
  const { lifecycle, metrics } = options;
  if (path === "/healthz") return sendJson(response, 200, { status: "ok", state: lifecycle.state });
  if (path === "/readyz") {
    const readiness = await lifecycle.readiness();
    return sendJson(response, readiness.ready ? 200 : 503, { ...readiness, state: lifecycle.state });
  }
  if (path === "/metrics") {
    const text = await metrics.registry.metrics();
    response.writeHead(200, { "content-type": metrics.registry.contentType }).end(text);
    return undefined;
  }
  return sendJson(response, 404, { status: "not-found" });
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

function listening(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

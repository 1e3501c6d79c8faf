import { Client, Pool } from "undici";

/** How to reach an inference server. */
export interface UpstreamOptions {
  /** Address, with or without a path in front of the endpoints' own. */
  readonly url: string;
  readonly apiKey?: string | undefined;
  /** Connections at most; as many as requests run at once. */
  readonly maxConnections: number;
}

const connectTimeoutMs = 10_000;
/** Below the 5 s after which uvicorn, under vLLM and others, closes an idle connection without notice. */
const keepAliveTimeoutMs = 4_000;

/** A metrics page has some hundred kilobytes. */
const maxPageBytes = 4 * 1_048_576;
const missingStatuses = new Set([401, 403, 404, 405, 501]);

/** The connections to one inference server. */
export class Upstream {
  readonly pool: Pool;
  readonly headers: Readonly<Record<string, string>>;
  /** Health checks have a connection of their own, as the pool may be full of running answers. */
  private readonly checks: Client;
  /** And so have looks at the load, for a metrics page may take its time. */
  private readonly looks: Client;
  /** The configured path without the `/v1` it may end with. */
  private readonly root: string;

  constructor(options: UpstreamOptions) {
    const url = new URL(options.url);
    this.root = url.pathname.replace(/\/+$/, "").replace(/\/v1$/, "");
    const connection = {
      // Answers take as long as they take: the idle timeouts are EngineStream's.
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: keepAliveTimeoutMs,
      pipelining: 1,
      connect: { timeout: connectTimeoutMs },
    };
    this.pool = new Pool(url.origin, { ...connection, connections: options.maxConnections });
    this.checks = new Client(url.origin, connection);
    this.looks = new Client(url.origin, connection);
    this.headers = {
      "content-type": "application/json",
      accept: "text/event-stream, application/json",
      ...(options.apiKey !== undefined && { authorization: `Bearer ${options.apiKey}` }),
    };
  }

  /** Where an endpoint lies on this server. */
  pathOf(endpoint: string): string {
    return this.root + endpoint;
  }

  /** Whether one of `paths` answers 2xx; the next is asked only where a server does not know the one before. */
  async answers(paths: readonly string[], timeoutMs: number): Promise<boolean> {
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      for (const path of paths) {
        const { statusCode, body } = await this.checks.request({
          method: "GET",
          path: this.pathOf(path),
          headers: this.headers,
          signal,
        });
        await body.dump();
        if (statusCode !== 404) return statusCode >= 200 && statusCode < 300;
      }
      return false;
    } catch {
      return false;
    }
  }

  /** A page of text; "missing" where the server says that it has none; undefined where it does not answer well in time. */
  async page(path: string, timeoutMs: number): Promise<{ readonly text: string } | "missing" | undefined> {
    try {
      const { statusCode, body } = await this.looks.request({
        method: "GET",
        path: this.pathOf(path),
        headers: { ...this.headers, accept: "text/plain, application/json" },
        signal: AbortSignal.timeout(timeoutMs),
      });
      if (statusCode !== 200) {
        await body.dump();
        return missingStatuses.has(statusCode) ? "missing" : undefined;
      }
      const parts: Buffer[] = [];
      let size = 0;
      // Leaving the loop early ends the connection.
      for await (const part of body as AsyncIterable<Buffer>) {
        size += part.length;
        if (size > maxPageBytes) return "missing";
        parts.push(part);
      }
      return { text: Buffer.concat(parts).toString("utf8") };
    } catch {
      return undefined;
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.pool.destroy(), this.checks.destroy(), this.looks.destroy()]);
  }
}

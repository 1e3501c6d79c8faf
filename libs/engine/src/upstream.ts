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

/** The connections to one inference server. */
export class Upstream {
  readonly pool: Pool;
  readonly headers: Readonly<Record<string, string>>;
  /** Health checks have a connection of their own, as the pool may be full of running answers. */
  private readonly checks: Client;
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

  async close(): Promise<void> {
    await Promise.all([this.pool.destroy(), this.checks.destroy()]);
  }
}

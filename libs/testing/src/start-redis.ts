import type { RedisServer } from "@expert-router/redis-server";
import { TestServers } from "./test-servers.js";

export interface TestRedisOptions {
  /** Writes survive {@link TestRedis.restart}. */
  readonly durable?: boolean;
  readonly args?: readonly string[];
}

/** A Redis of one test file. */
export interface TestRedis {
  readonly url: string;
  readonly port: number;
  /** Process id of the server that runs now. */
  readonly pid: number;
  /** Sends a signal: SIGKILL for a crash, SIGSTOP and SIGCONT for a freeze. */
  kill(signal: NodeJS.Signals): void;
  /** Starts it again on the same port and folder, after the running one, if any, was killed with SIGKILL. */
  restart(): Promise<void>;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
}

/** Starts a Redis on a free port in a folder of its own. */
export async function startRedis(options: TestRedisOptions = {}): Promise<TestRedis> {
  const servers = new TestServers();
  const { durable = false, args = [] } = options;
  const start = (port?: number): Promise<RedisServer> =>
    servers.start("", { durable, args, ...(port !== undefined && { port }) });
  let server = await start();
  const { url, port } = server;
  return {
    url,
    port,
    get pid() {
      return server.pid;
    },
    kill: (signal) => server.kill(signal),
    restart: async () => {
      server.kill("SIGKILL");
      await server.exited;
      server = await start(port);
    },
    stop: () => servers.stop(),
  };
}

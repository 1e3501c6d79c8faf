import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findRedisBinary, startRedisServer, type RedisServer } from "@expert-router/redis-server";

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

const living = new Set<RedisServer>();
let endsThemAtExit = false;

/** Starts a Redis on a free port in a folder of its own. */
export async function startRedis(options: TestRedisOptions = {}): Promise<TestRedis> {
  const binary = findRedisBinary();
  if (binary === undefined)
    throw new Error("no redis-server on the PATH; `npm test` installs one where it can");
  const folder = mkdtempSync(join(tmpdir(), "expert-router-test-redis-"));
  const { durable = false, args = [] } = options;
  const start = async (port?: number): Promise<RedisServer> => {
    const started = await startRedisServer({
      binary,
      folder,
      durable,
      args,
      ...(port !== undefined && { port }),
    });
    endWithThisProcess(started);
    return started;
  };
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
    stop: async () => {
      server.kill("SIGKILL");
      await server.exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A test run that is cut short must leave no Redis behind. */
function endWithThisProcess(server: RedisServer): void {
  living.add(server);
  void server.exited.then(() => living.delete(server));
  if (endsThemAtExit) return;
  endsThemAtExit = true;
  process.on("exit", () => {
    for (const each of living) each.kill("SIGKILL");
  });
}

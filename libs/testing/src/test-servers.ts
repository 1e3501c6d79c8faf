import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  askRedis,
  findRedisBinary,
  startRedisServer,
  type RedisServer,
  type RedisServerOptions,
} from "@expert-router/redis-server";

const living = new Set<RedisServer>();
let endsThemAtExit = false;

/** Redis processes of one test in a folder of their own; all of them end with this process at the latest. */
export class TestServers {
  readonly folder = mkdtempSync(join(tmpdir(), "expert-router-test-redis-"));
  private readonly servers = new Set<RedisServer>();

  /** Starts one whose files are in the folder `name`. */
  async start(name: string, options: Omit<RedisServerOptions, "binary" | "folder">): Promise<RedisServer> {
    const binary = findRedisBinary();
    if (binary === undefined)
      throw new Error("no redis-server on the PATH; `npm test` installs one where it can");
    const server = await startRedisServer({ ...options, binary, folder: join(this.folder, name) });
    this.servers.add(server);
    endWithThisProcess(server);
    return server;
  }

  /** Ends all and removes the folder. */
  async stop(): Promise<void> {
    for (const server of this.servers) server.kill("SIGKILL");
    await Promise.all([...this.servers].map(({ exited }) => exited));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Sends a command and answers its reply. Throws an Error if there is none, or it is an error. */
export async function ask({ port }: { readonly port: number }, command: string): Promise<string> {
  const reply = await askRedis(port, command, 5_000);
  if (reply === undefined || reply.startsWith("-"))
    throw new Error(`${command.split(" ", 2).join(" ")}: ${reply ?? "no answer"}`);
  return reply;
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

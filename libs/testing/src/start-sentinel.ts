import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { findFreePort, type RedisServer } from "@expert-router/redis-server";
import { ask, TestServers } from "./test-servers.js";
import { waitFor } from "./wait-for.js";

/** Silence after which a Sentinel takes the master for down. */
const downAfterMs = 1_000;
const masterName = "mymaster";

/** A master with two replicas, watched by three Sentinels. */
export interface TestSentinel {
  /** `redis+sentinel://…` with all Sentinels. */
  readonly url: string;
  /** Port of the master that the Sentinels name now. */
  masterPort(): Promise<number>;
  /** Ends or freezes the server on a port. */
  kill(port: number, signal: NodeJS.Signals): void;
  /** Resolves once the Sentinels name another master than that on `port`, and it takes writes. */
  whenPromoted(port: number): Promise<void>;
  /** Ends all and removes their folder. */
  stop(): Promise<void>;
}

/** Starts the six processes; resolves when the Sentinels know of each other and of both replicas. */
export async function startSentinel(
  options: { readonly durable?: boolean; readonly args?: readonly string[] } = {},
): Promise<TestSentinel> {
  const servers = new TestServers();
  try {
    return await startAll(servers, options);
  } catch (error) {
    await servers.stop();
    throw error;
  }
}

async function startAll(
  servers: TestServers,
  { durable = false, args = [] }: { readonly durable?: boolean; readonly args?: readonly string[] },
): Promise<TestSentinel> {
  const master = await servers.start("master", { durable, args });
  const follow = [
    ...args,
    "--replicaof",
    "127.0.0.1",
    String(master.port),
    "--repl-diskless-sync-delay",
    "0",
  ];
  const replicas = await Promise.all(
    ["replica-1", "replica-2"].map((name) => servers.start(name, { durable, args: follow })),
  );
  await Promise.all(replicas.map(inStep));
  const sentinels = await Promise.all([1, 2, 3].map((n) => startOne(servers, `sentinel-${n}`, master.port)));
  await Promise.all(sentinels.map(knowsAll));
  const [first] = sentinels as [RedisServer];
  const data = [master, ...replicas];
  const masterPort = async (): Promise<number> => {
    const reply = await ask(first, `SENTINEL get-master-addr-by-name ${masterName}`);
    return Number(reply.split("\r\n")[4]);
  };
  return {
    url: `redis+sentinel://${sentinels.map(({ port }) => `127.0.0.1:${port}`).join(",")}/${masterName}`,
    masterPort,
    kill: (port, signal) => data.find((server) => server.port === port)?.kill(signal),
    whenPromoted: async (before) => {
      await waitFor(
        "a new master",
        async () => {
          const port = await masterPort();
          return port !== before && (await ask({ port }, "ROLE")).includes("master");
        },
        { timeoutMs: 30_000, intervalMs: 20 },
      );
    },
    stop: () => servers.stop(),
  };
}

async function startOne(servers: TestServers, name: string, masterPort: number): Promise<RedisServer> {
  const config = join(servers.folder, `${name}.conf`);
  // A Sentinel insists on a file, which it writes to.
  writeFileSync(
    config,
    [
      `sentinel monitor ${masterName} 127.0.0.1 ${masterPort} 2`,
      `sentinel down-after-milliseconds ${masterName} ${downAfterMs}`,
      `sentinel failover-timeout ${masterName} 3000`,
      `sentinel parallel-syncs ${masterName} 2`,
    ].join("\n"),
  );
  return servers.start(name, { durable: false, sentinelConfig: config, port: await findFreePort() });
}

async function inStep(replica: RedisServer): Promise<void> {
  await waitFor(
    "a replica in step",
    async () => (await ask(replica, "INFO replication")).includes("master_link_status:up"),
    { timeoutMs: 20_000 },
  );
}

async function knowsAll(sentinel: RedisServer): Promise<void> {
  await waitFor(
    "Sentinels that know of each other",
    async () => {
      const info = await ask(sentinel, "INFO sentinel");
      return /status=ok,.*slaves=2,sentinels=3/.test(info);
    },
    { timeoutMs: 30_000 },
  );
}

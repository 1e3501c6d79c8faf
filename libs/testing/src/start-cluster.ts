import { findFreePort, type RedisServer } from "@expert-router/redis-server";
import { ask, TestServers } from "./test-servers.js";
import { waitFor } from "./wait-for.js";

const slotCount = 16_384;
const masterCount = 3;
/** Silence after which nodes take one of them for down. */
const nodeTimeoutMs = 1_500;

/** Three masters with a replica each. */
export interface TestCluster {
  /** `redis+cluster://…` with all nodes. */
  readonly url: string;
  /** Port of the master that serves a key now, as the node on `asked` (default: any that lives) sees it. */
  portOf(key: string): Promise<number>;
  /** Ends or freezes the node on a port. */
  kill(port: number, signal: NodeJS.Signals): void;
  /** Resolves once a node other than that on `port` serves the key. */
  whenPromoted(key: string, port: number): Promise<void>;
  stop(): Promise<void>;
}

/** Settings of a {@link startCluster}. */
export interface TestClusterOptions {
  readonly durable?: boolean;
  /** A replica for each master. Default true. */
  readonly replicas?: boolean;
}

/** Starts the nodes; resolves when all slots are served and every replica is in step. */
export async function startCluster(options: TestClusterOptions = {}): Promise<TestCluster> {
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
  { durable = false, replicas: withReplicas = true }: TestClusterOptions,
): Promise<TestCluster> {
  const count = withReplicas ? 2 * masterCount : masterCount;
  const nodes: RedisServer[] = [];
  // One after the other: a free port stays free only until somebody takes it.
  for (let n = 1; n <= count; n++) nodes.push(await startNode(servers, `node-${n}`, durable));
  const masters = nodes.slice(0, masterCount);
  await join(nodes);
  await Promise.all(masters.map((node, n) => ask(node, `CLUSTER ADDSLOTSRANGE ${slotRange(n)}`)));
  const ids = await Promise.all(masters.map((node) => ask(node, "CLUSTER MYID")));
  const replicas = nodes.slice(masterCount);
  await Promise.all(replicas.map((node, n) => replicate(node, bulk(ids[n] as string))));
  await Promise.all(nodes.map(isComplete));
  await Promise.all(replicas.map(inStep));
  const portOf = (key: string): Promise<number> => findPortOf(nodes, key);
  return {
    url: `redis+cluster://${nodes.map(({ port }) => `127.0.0.1:${port}`).join(",")}`,
    portOf,
    kill: (port, signal) => nodes.find((node) => node.port === port)?.kill(signal),
    whenPromoted: async (key, before) => {
      await waitFor(
        "a promoted node",
        async () => {
          const port = await portOf(key);
          return port !== before && (await ask({ port }, "CLUSTER INFO")).includes("cluster_state:ok");
        },
        { timeoutMs: 30_000, intervalMs: 20 },
      );
    },
    stop: () => servers.stop(),
  };
}

/** The bus between nodes has a port of its own; the default one, 10,000 above, may be beyond the last port. */
async function startNode(servers: TestServers, name: string, durable: boolean): Promise<RedisServer> {
  const busPort = await findFreePort();
  return servers.start(name, {
    durable,
    args: [
      ...["--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf"],
      ...["--cluster-port", String(busPort), "--cluster-node-timeout", String(nodeTimeoutMs)],
      ...["--cluster-replica-validity-factor", "0", "--repl-diskless-sync-delay", "0"],
    ],
  });
}

async function join([first, ...others]: readonly RedisServer[]): Promise<void> {
  for (const node of others) {
    const bus = await ask(node, "CONFIG GET cluster-port");
    const busPort = bus.split("\r\n")[4];
    await ask(first as RedisServer, `CLUSTER MEET 127.0.0.1 ${node.port} ${busPort}`);
  }
}

async function replicate(node: RedisServer, masterId: string): Promise<void> {
  // Until the node has heard of its master.
  await waitFor(
    "a replica",
    () =>
      ask(node, `CLUSTER REPLICATE ${masterId}`).then(
        () => true,
        () => false,
      ),
    { timeoutMs: 20_000 },
  );
}

async function isComplete(node: RedisServer): Promise<void> {
  await waitFor(
    "a complete cluster",
    async () => {
      const info = await ask(node, "CLUSTER INFO");
      return info.includes("cluster_state:ok") && info.includes(`cluster_slots_ok:${slotCount}`);
    },
    { timeoutMs: 30_000 },
  );
}

async function inStep(replica: RedisServer): Promise<void> {
  await waitFor(
    "a replica in step",
    async () => (await ask(replica, "INFO replication")).includes("master_link_status:up"),
    { timeoutMs: 20_000 },
  );
}

async function findPortOf(nodes: readonly RedisServer[], key: string): Promise<number> {
  for (const node of nodes) {
    try {
      const slot = Number((await ask(node, `CLUSTER KEYSLOT ${key}`)).slice(1));
      const view = bulk(await ask(node, "CLUSTER NODES"));
      for (const line of view.split("\n")) {
        const [, address = "", flags = "", , , , , ...ranges] = line.split(" ");
        if (flags.includes("fail") || !flags.includes("master")) continue;
        if (ranges.slice(1).some((range) => holds(range, slot))) return Number(/:(\d+)@/.exec(address)?.[1]);
      }
    } catch {
      // A node that was killed; another one knows.
    }
  }
  throw new Error(`nobody serves ${key}`);
}

function holds(range: string, slot: number): boolean {
  const [from, to = from] = range.split("-").map(Number) as [number, number?];
  return slot >= from && slot <= to;
}

function slotRange(n: number): string {
  const at = (share: number): number => Math.floor((slotCount * share) / masterCount);
  return `${at(n)} ${at(n + 1) - 1}`;
}

/** The text of a bulk reply. */
function bulk(reply: string): string {
  return reply.slice(reply.indexOf("\r\n") + 2).trimEnd();
}

import { parseRedisUrl, type RedisTarget } from "@expert-router/contracts";
import { Cluster, Redis, type ClusterOptions, type RedisOptions } from "ioredis";
import { coalesceWrites } from "./coalesced-writes.js";
import { CalmSentinelConnector } from "./calm-sentinel-connector.js";
import { RovingConnector } from "./roving-connector.js";

/** A connection for commands: to one server, to the master that Sentinels name, or to all nodes of a Redis Cluster. */
export type RedisClient = Redis | Cluster;

/**
 * How a connection behaves while Redis is away. `fail-fast`: commands reject within about a second, so that a
 * client gets a 503 instead of silence. `wait`: commands are kept and sent after the reconnect, as a worker
 * wants that has an answer to finish. `brief`: for one task; it connects when told to, and tries nothing twice.
 */
export type ConnectionMode = "fail-fast" | "wait" | "brief";

/** Settings of a connection. */
export interface ConnectionOptions {
  readonly mode: ConnectionMode;
  readonly name: string;
  /** Hears one error an outage: a reconnect is tried twice a second. */
  readonly onError: (error: Error) => void;
  /** Of `brief`: how long connecting and each command may take. Default 5 s. */
  readonly timeoutMs?: number;
}

const commandTimeoutMs = 5_000;
/** A node that owes an answer for this long is given up; longer than BullMQ's blocking commands, which take up to 10 s. */
const silentNodeMs = 15_000;
/** A cluster tells of a promotion only when asked, as long as nobody connects to the wrong node. */
const slotsRefreshMs = 5_000;
/** Tries of a `fail-fast` command on a cluster, 100 ms apart. */
const clusterTries = 10;

/**
 * A connection to where `url` points. Commands of a `wait` connection queue up until it is there, those of a `fail-fast`
 * one reject.
 * @throws RedisUrlError
 */
export function connectRedis(url: string, options: ConnectionOptions): RedisClient {
  const target = parseRedisUrl(url);
  if (target.topology !== "cluster") return listened(connectServer(target, options), options);
  const cluster = new Cluster([...target.addresses], clusterOptions(target, options));
  cluster.on("+node", (node: Redis) => node.on("connect", () => coalesceWrites(node.stream)));
  return listened(cluster, options);
}

/**
 * A connection for `SUBSCRIBE`, which waits for Redis. In a cluster every node hears every channel, so it is one to any of
 * the nodes that `url` names: ioredis's own subscriber of a cluster does not tell when it was away.
 * @throws RedisUrlError
 */
export function connectSubscriber(url: string, options: Omit<ConnectionOptions, "mode">): Redis {
  const target = parseRedisUrl(url);
  const waiting = { ...options, mode: "wait" } as const;
  if (target.topology !== "cluster") return listened(connectServer(target, waiting), waiting);
  const { addresses } = target;
  return listened(
    new Redis({
      ...serverOptions(waiting),
      ...access(target),
      addresses,
      Connector: RovingConnector,
    } as RedisOptions),
    waiting,
  );
}

/** Whether keys lie on several nodes, so that one script cannot touch those of several requests. */
export function isCluster(redis: RedisClient): redis is Cluster {
  return redis.isCluster;
}

function connectServer(
  target: Exclude<RedisTarget, { topology: "cluster" }>,
  options: ConnectionOptions,
): Redis {
  const redis =
    target.topology === "single"
      ? new Redis(target.url, serverOptions(options))
      : new Redis({ ...serverOptions(options), ...sentinelOptions(target, options) });
  redis.on("connect", () => coalesceWrites(redis.stream));
  return redis;
}

function serverOptions({ mode, name, timeoutMs = commandTimeoutMs }: ConnectionOptions): RedisOptions {
  const shared: RedisOptions = {
    connectionName: name,
    retryStrategy: retryDelayMs,
    // A master that was demoted. The next connection finds the new one; 2 sends the command again.
    reconnectOnError: (error) => error.message.startsWith("READONLY") && (mode === "wait" ? 2 : 1),
  };
  switch (mode) {
    case "fail-fast":
      return {
        ...shared,
        enableOfflineQueue: false,
        maxRetriesPerRequest: 0,
        commandTimeout: commandTimeoutMs,
      };
    case "wait":
      return { ...shared, enableOfflineQueue: true, maxRetriesPerRequest: null };
    case "brief":
      return {
        ...shared,
        lazyConnect: true,
        connectTimeout: timeoutMs,
        commandTimeout: timeoutMs,
        retryStrategy: () => null,
      };
  }
}

function sentinelOptions(
  target: Extract<RedisTarget, { topology: "sentinel" }>,
  { mode }: ConnectionOptions,
): RedisOptions {
  return {
    ...access(target),
    sentinels: [...target.addresses],
    name: target.masterName,
    db: target.db,
    enableTLSForSentinelMode: target.tls,
    ...(target.tls && { sentinelTLS: {} }),
    sentinelCommandTimeout: 2_000,
    sentinelRetryStrategy: mode === "brief" ? () => null : retryDelayMs,
    // A master that froze keeps its connections; the Sentinels say when there is another one.
    failoverDetector: mode !== "brief",
    Connector: CalmSentinelConnector,
  };
}

function clusterOptions(
  target: Extract<RedisTarget, { topology: "cluster" }>,
  options: ConnectionOptions,
): ClusterOptions {
  const { mode } = options;
  const { retryStrategy: _, enableOfflineQueue, lazyConnect, ...node } = serverOptions(options);
  return {
    ...(enableOfflineQueue !== undefined && { enableOfflineQueue }),
    ...(lazyConnect !== undefined && { lazyConnect }),
    clusterRetryStrategy: mode === "brief" ? () => null : retryDelayMs,
    slotsRefreshInterval: slotsRefreshMs,
    // Each try of a command whose node is away or whose slot nobody serves costs one.
    maxRedirections: mode === "wait" ? Infinity : clusterTries,
    redisOptions: { ...node, ...access(target), ...(mode === "wait" && { socketTimeout: silentNodeMs }) },
    // Names of nodes as the certificate has them.
    ...(target.tls && { dnsLookup: (address, callback) => callback(null, address) }),
  };
}

function access({
  username,
  password,
  tls,
}: Pick<Extract<RedisTarget, { topology: "cluster" }>, "username" | "password" | "tls">): RedisOptions {
  return {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls && { tls: {} }),
  };
}

/** For ever, at most 500 ms apart. */
function retryDelayMs(attempt: number): number {
  return Math.min(25 * 2 ** Math.min(attempt, 5), 500);
}

function listened<Client extends RedisClient>(redis: Client, { onError, mode }: ConnectionOptions): Client {
  let away = false;
  redis.on("error", (error: Error) => {
    // Who connects for one task hears of it from `connect`.
    if (!away && mode !== "brief") onError(error);
    away = true;
  });
  redis.on("ready", () => (away = false));
  return redis;
}

/**
 * Calls `listener` whenever a connection to a server is there again: a cluster itself does not tell when one of its
 * nodes was away. Returns what ends it.
 */
export function onReconnect(redis: RedisClient, listener: () => void): () => void {
  if (!isCluster(redis)) {
    redis.on("ready", listener);
    return () => void redis.off("ready", listener);
  }
  const nodes = new Set<Redis>();
  const hear = (node: Redis): void => {
    nodes.add(node);
    node.on("ready", listener);
  };
  const forget = (node: Redis): void => void nodes.delete(node);
  for (const node of redis.nodes()) hear(node);
  redis.on("+node", hear);
  redis.on("-node", forget);
  return () => {
    redis.off("+node", hear);
    redis.off("-node", forget);
    for (const node of nodes) node.off("ready", listener);
  };
}

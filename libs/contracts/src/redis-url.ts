/** A host and port of `REDIS_URL`. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

/** What the servers of a topology share. */
interface RedisAccess {
  readonly addresses: readonly [RedisAddress, ...RedisAddress[]];
  readonly username?: string;
  readonly password?: string;
  readonly tls: boolean;
}

/** Where Redis is: one server, the master that Sentinels name, or a Redis Cluster. */
export type RedisTarget =
  | { readonly topology: "single"; readonly url: string }
  | (RedisAccess & { readonly topology: "sentinel"; readonly masterName: string; readonly db: number })
  | (RedisAccess & { readonly topology: "cluster" });

/** The beginnings of a `REDIS_URL`; those with two s use TLS. */
export const redisUrlSchemes = ["redis", "redis+sentinel", "redis+cluster"].flatMap((scheme) => [
  `${scheme}://`,
  `${scheme.replace("redis", "rediss")}://`,
]);

/** What is wrong with a `REDIS_URL`. The message holds nothing of the URL that can be a secret. */
export class RedisUrlError extends Error {
  override readonly name = "RedisUrlError";
}

const defaultPorts = { sentinel: 26_379, cluster: 6_379 } as const;
const form = /^rediss?\+(sentinel|cluster):\/\/(?:(.*)@)?([^/?#@]*)([^@]*)$/i;

/**
 * Reads `redis[s]://…`, `redis[s]+sentinel://[user:password@]host[:port],…/master-name[/db]` or
 * `redis[s]+cluster://[user:password@]host[:port],…`.
 * @throws RedisUrlError
 */
export function parseRedisUrl(url: string): RedisTarget {
  if (/^rediss?:\/\//i.test(url)) {
    if (!URL.canParse(url)) throw new RedisUrlError("the URL cannot be read");
    const { username, password } = new URL(url);
    for (const part of [username, password]) decoded(part);
    return { topology: "single", url };
  }
  const match = form.exec(url);
  if (match === null) {
    throw new RedisUrlError(
      `expected a URL that begins with ${redisUrlSchemes.slice(0, -1).join(", ")} or ${redisUrlSchemes.at(-1)}`,
    );
  }
  const topology = match[1]!.toLowerCase() as "sentinel" | "cluster";
  const access: RedisAccess = {
    addresses: readAddresses(match[3]!, defaultPorts[topology]),
    ...readCredentials(match[2]),
    tls: /^rediss/i.test(url),
  };
  const path = match[4]!.replace(/^\//, "");
  if (topology === "sentinel") return { topology, ...access, ...readMaster(path) };
  if (path !== "") throw new RedisUrlError("a Redis Cluster has no path or database behind its addresses");
  return { topology, ...access };
}

function readAddresses(list: string, defaultPort: number): RedisAccess["addresses"] {
  const [first, ...others] = list.split(",").map((text) => readAddress(text.trim(), defaultPort));
  return [first!, ...others];
}

function readAddress(text: string, defaultPort: number): RedisAddress {
  const match = /^(\[[0-9a-f:.]+\]|[^\s:[\]]+)(?::(\d+))?$/i.exec(text);
  const port = Number(match?.[2] ?? defaultPort);
  if (match === null || port < 1 || port > 65_535) {
    throw new RedisUrlError("expected host:port, and commas between several");
  }
  return { host: match[1]!.replace(/^\[|\]$/g, ""), port };
}

function readCredentials(text: string | undefined): Pick<RedisAccess, "username" | "password"> {
  if (text === undefined) return {};
  const colon = text.indexOf(":");
  if (colon < 0) throw new RedisUrlError("expected user:password or :password before the @");
  const username = decoded(text.slice(0, colon));
  return { ...(username !== "" && { username }), password: decoded(text.slice(colon + 1)) };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new RedisUrlError("a % in the user or the password has to be written as %25");
  }
}

function readMaster(path: string): { masterName: string; db: number } {
  const match = /^([\w.-]+)(?:\/(\d{1,4}))?$/.exec(path);
  if (match === null) {
    throw new RedisUrlError(
      "the name that the Sentinels give to the master has to follow: …/mymaster or …/mymaster/0",
    );
  }
  return { masterName: match[1]!, db: Number(match[2] ?? 0) };
}

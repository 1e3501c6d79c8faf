/**
 * Addresses of hosts that strangers name. The system's lookup blocks one of the four threads that the process also reads and writes
 * files with, for as long as a name server keeps it waiting; so it is asked little, or not at all.
 */
import type { LookupAddress } from "node:dns";
import { lookup, Resolver } from "node:dns/promises";
import { setTimeout as sleep } from "node:timers/promises";

/** The addresses of a host, IPv4 first. Rejects with a `code`, as those of node:dns. */
export type Resolve = (host: string) => Promise<readonly LookupAddress[]>;

/** First wait for a name server, doubled once: a query takes three times as long at most with one server. */
const queryTimeoutMs = 2_000;
const queryTries = 2;
/** The system's lookups under way at once, and how long one is waited for. */
const systemLookupsAtOnce = 2;
const systemTimeoutMs = 1_000;
const placeLookMs = 20;

/** By DNS alone, without a thread. `servers`: instead of the system's. */
export function dnsResolve(servers?: readonly string[]): Resolve {
  return async (host) => {
    // A new one each time: it reads the system's settings once only.
    const resolver = new Resolver({ timeout: queryTimeoutMs, tries: queryTries });
    if (servers !== undefined) resolver.setServers(servers);
    const found = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
    const [v4, v6] = found.map((one) => (one.status === "fulfilled" ? one.value : [])) as [
      string[],
      string[],
    ];
    const failure = found.find((one) => one.status === "rejected");
    if (v4.length + v6.length === 0 && failure !== undefined) throw failure.reason;
    return [
      ...v4.map((address) => ({ address, family: 4 })),
      ...v6.map((address) => ({ address, family: 6 })),
    ];
  };
}

/**
 * As the system knows it, files of hosts and search domains included, and by DNS where that is slow or knows nothing. Two threads
 * wait for a dead name server at most.
 */
export function systemResolve(
  dns: Resolve = dnsResolve(),
  system: Resolve = (host) => lookup(host, { all: true }),
): Resolve {
  let underWay = 0;
  const lookedUp: Resolve = async (host) => {
    underWay += 1;
    try {
      return await system(host);
    } finally {
      underWay -= 1;
    }
  };
  return async (host) => {
    const deadlineMs = Date.now() + systemTimeoutMs;
    while (underWay >= systemLookupsAtOnce && Date.now() < deadlineMs) await sleep(placeLookMs);
    if (underWay < systemLookupsAtOnce) {
      const late = sleep(systemTimeoutMs, undefined, { ref: false });
      const found = await Promise.race([lookedUp(host).catch(() => undefined), late]);
      if (found !== undefined) return found;
    }
    return dns(host);
  };
}

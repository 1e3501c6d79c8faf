import type { LookupAddress, LookupOptions } from "node:dns";
import { lookup as systemLookup } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import ipaddr from "ipaddr.js";

/** The address is one that webhooks are not sent to; nothing was sent. */
export class AddressRefused extends Error {
  override readonly name = "AddressRefused";
}

/**
 * Whether anybody on the internet may have this address: not a private, loopback, link-local, unique-local, multicast,
 * reserved or benchmarking one, and none that holds another address (IPv4-mapped, IPv4-compatible, 6to4, Teredo, NAT64).
 */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.parse(address);
  // `::a.b.c.d`, which the library takes for one like others.
  const isCompatible = parsed instanceof ipaddr.IPv6 && parsed.parts.slice(0, 6).every((part) => part === 0);
  return parsed.range() === "unicast" && !isCompatible;
}

/** The IP address that a URL names instead of a host; undefined: it names a host. */
export function literalAddress(url: URL): string | undefined {
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  return isIP(host) === 0 ? undefined : host;
}

type Resolve = (
  host: string,
  options: LookupOptions & { all: true },
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/**
 * A lookup that answers public addresses only. The connection is made to what it answers, so a name that is resolved anew
 * cannot lead elsewhere.
 */
export function publicLookup(resolve: Resolve = systemLookup): LookupFunction {
  return (host, options, done) => {
    resolve(host, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return done(error, "", 0);
      const allowed = addresses.filter(({ address }) => isPublicAddress(address));
      const [first] = allowed;
      if (first === undefined)
        return done(new AddressRefused("the host has no public address") as NodeJS.ErrnoException, "", 0);
      // Node asks for all of them to try IPv6 and IPv4 side by side.
      if (options.all === true) return done(null, allowed);
      return done(null, first.address, first.family);
    });
  };
}

import type { LookupAddress, LookupOptions } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import { callbackify } from "node:util";
import ipaddr from "ipaddr.js";
import { dnsResolve, type Resolve } from "./host-addresses.js";

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

/** A lookup for connections that answers what `resolve` finds. */
export function lookupBy(resolve: Resolve): LookupFunction {
  const find = callbackify(resolve);
  return (host, options, done) => {
    find(host, (error: NodeJS.ErrnoException | null, found: readonly LookupAddress[]) => {
      if (error !== null) return done(error, "", 0);
      const addresses = found.filter(({ family }) => fits(family, options));
      const [first] = addresses;
      if (first === undefined)
        return done(Object.assign(new Error("the host has no such address"), { code: "ENODATA" }), "", 0);
      // Node asks for all of them to try IPv6 and IPv4 side by side.
      if (options.all === true) return done(null, addresses);
      return done(null, first.address, first.family);
    });
  };
}

function fits(family: number, { family: asked = 0 }: LookupOptions): boolean {
  return asked === 0 || `IPv${family}` === `IPv${String(asked).replace("IPv", "")}`;
}

/**
 * A lookup that answers public addresses only. The connection is made to what it answers, so a name that is resolved anew
 * cannot lead elsewhere. A name without a dot, as `localhost`, is not public.
 */
export function publicLookup(resolve: Resolve = dnsResolve()): LookupFunction {
  return lookupBy(async (host) => {
    const isLocal = !host.replace(/\.$/, "").includes(".");
    const allowed = isLocal ? [] : (await resolve(host)).filter(({ address }) => isPublicAddress(address));
    if (allowed.length === 0) throw new AddressRefused("the host has no public address");
    return allowed;
  });
}

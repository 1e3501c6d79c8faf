import type { LookupAddress, LookupOptions } from "node:dns";
import { describe, expect, it } from "vitest";
import { isPublicAddress, literalAddress, publicLookup } from "./public-address.js";

describe("isPublicAddress", () => {
  it.each(["8.8.8.8", "93.184.215.14", "172.32.0.1", "2606:4700:4700::1111", "2a00:1450:4001:81b::200e"])(
    "%s is public",
    (address) => expect(isPublicAddress(address)).toBe(true),
  );

  it.each([
    ...["127.0.0.1", "127.255.0.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1"],
    ...["169.254.169.254", "224.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.2.1", "240.0.0.1"],
    ...["::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1"],
    ...[
      "::ffff:127.0.0.1",
      "::7f00:1",
      "::a9fe:a9fe",
      "::ffff:8.8.8.8",
      "64:ff9b::a9fe:a9fe",
      "2002:7f00:1::",
      "2001::1",
      "",
      "host",
    ],
  ])("%s is not", (address) => expect(isPublicAddress(address)).toBe(false));
});

describe("literalAddress", () => {
  it.each([
    ["https://127.0.0.1/x", "127.0.0.1"],
    ["https://0x7f.1/", "127.0.0.1"],
    ["https://2130706433/", "127.0.0.1"],
    ["https://[::1]:8443/", "::1"],
    ["https://[::ffff:127.0.0.1]/", "::ffff:7f00:1"],
    ["https://example.com/", undefined],
  ])("of %s is %s", (url, address) => expect(literalAddress(new URL(url))).toBe(address));
});

function resolved(
  addresses: string[],
  options: LookupOptions,
  host = "example.com",
): Promise<string | LookupAddress[] | undefined> {
  const lookup = publicLookup(async () =>
    addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
  );
  return new Promise((resolve) =>
    lookup(host, options, (error, found) => resolve(error === null ? found : undefined)),
  );
}

describe("publicLookup", () => {
  it("answers what is public only, so that nothing else can be connected to", async () => {
    const all = { all: true } as const;
    expect(await resolved(["10.0.0.1", "8.8.8.8", "::1"], all)).toEqual([{ address: "8.8.8.8", family: 4 }]);
    expect(await resolved(["10.0.0.1", "8.8.8.8"], {})).toBe("8.8.8.8");
    expect(await resolved(["169.254.169.254"], all)).toBeUndefined();
    expect(await resolved([], {})).toBeUndefined();
  });

  it("knows no names of the own network", async () => {
    expect(await resolved(["8.8.8.8"], {}, "localhost")).toBeUndefined();
    expect(await resolved(["8.8.8.8"], {}, "redis.")).toBeUndefined();
  });

  it("answers the family that is asked for", async () => {
    const both = ["8.8.8.8", "2606:4700:4700::1111"];
    expect(await resolved(both, { family: 6 })).toBe("2606:4700:4700::1111");
    expect(await resolved(both, { family: "IPv4" })).toBe("8.8.8.8");
    expect(await resolved(["8.8.8.8"], { family: 6 })).toBeUndefined();
  });
});

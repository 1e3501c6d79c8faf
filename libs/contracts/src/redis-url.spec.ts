import { describe, expect, it } from "vitest";
import { parseRedisUrl } from "./redis-url.js";

describe("parseRedisUrl", () => {
  it("leaves the URL of one server as it is", () => {
    for (const url of ["redis://127.0.0.1:6379/3", "rediss://user:pass@redis.example"])
      expect(parseRedisUrl(url)).toEqual({ topology: "single", url });
  });

  it("says how a password is written", () => {
    expect(() => parseRedisUrl("redis://:wrong%2@127.0.0.1:6380")).toThrow(/has to be written as %25/);
  });

  it("reads Sentinels, the master's name and the database", () => {
    expect(parseRedisUrl("redis+sentinel://s1:26380,s2,[::1]:1/mymaster")).toEqual({
      topology: "sentinel",
      addresses: [
        { host: "s1", port: 26_380 },
        { host: "s2", port: 26_379 },
        { host: "::1", port: 1 },
      ],
      masterName: "mymaster",
      db: 0,
      tls: false,
    });
    expect(parseRedisUrl("rediss+sentinel://user:p%40ss:w@s1/my-master.1/2")).toMatchObject({
      username: "user",
      password: "p@ss:w",
      masterName: "my-master.1",
      db: 2,
      tls: true,
    });
  });

  it("reads the nodes of a cluster", () => {
    expect(parseRedisUrl("redis+cluster://:secret@n1:7000,n2")).toEqual({
      topology: "cluster",
      addresses: [
        { host: "n1", port: 7_000 },
        { host: "n2", port: 6_379 },
      ],
      password: "secret",
      tls: false,
    });
  });

  it.each([
    ["http://:hunter2@x", /begins with redis:\/\/.* or rediss\+cluster:\/\//],
    ["redis://:hunter2@h:99999", /cannot be read/],
    ["redis+sentinel://:hunter2@s1:26379", /name that the Sentinels give/],
    ["redis+sentinel://:hunter2@s1/name/zero", /name that the Sentinels give/],
    ["redis+sentinel://:hunter2@s1,,s2/name", /expected host:port/],
    ["redis+cluster://:hunter2@", /expected host:port/],
    ["redis+cluster://:hunter2@n1:0", /expected host:port/],
    ["redis+cluster://:hunter2@n1:7000/1", /no path or database/],
    ["redis+cluster://hunter2@n1", /user:password/],
    ["redis+cluster://:hunter2%@n1", /%25/],
  ])("says what is wrong with %s, and no secret with it", (url, problem) => {
    expect(() => parseRedisUrl(url)).toThrow(problem);
    expect(() => parseRedisUrl(url)).not.toThrow(/hunter2/);
  });
});

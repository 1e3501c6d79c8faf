import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { afterEach, describe, expect, it } from "vitest";
import { dnsResolve, systemResolve, type Resolve } from "./host-addresses.js";

let nameServer: Socket | undefined;
afterEach(() => {
  nameServer?.close();
  nameServer = undefined;
});

/** A name server; `answer` makes the reply to a query. */
async function serve(answer: (query: Buffer) => Buffer | undefined): Promise<string> {
  const socket = createSocket("udp4");
  nameServer = socket;
  socket.on("message", (query, { port, address }) => {
    const reply = answer(query);
    if (reply !== undefined) socket.send(reply, port, address);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return `127.0.0.1:${socket.address().port}`;
}

const typeA = 1;
/** Answers 203.0.113.7 to questions for IPv4 addresses, and that there are none to others. */
function onlyV4(query: Buffer): Buffer {
  let end = 12;
  while (query[end] !== 0) end += query[end]! + 1;
  const question = query.subarray(12, end + 5);
  const isA = question.readUInt16BE(question.length - 4) === typeA;
  const header = Buffer.from([query[0]!, query[1]!, 0x81, 0x80, 0, 1, 0, isA ? 1 : 0, 0, 0, 0, 0]);
  const record = Buffer.from([0xc0, 0x0c, 0, typeA, 0, 1, 0, 0, 0, 60, 0, 4, 203, 0, 113, 7]);
  return Buffer.concat([header, question, ...(isA ? [record] : [])]);
}

const never: Resolve = () => new Promise(() => undefined);
const found: Resolve = async () => [{ address: "203.0.113.7", family: 4 }];

describe("dnsResolve", () => {
  it("asks for both families, and is content with one", async () => {
    const resolve = dnsResolve([await serve(onlyV4)]);
    expect(await resolve("example.com")).toEqual([{ address: "203.0.113.7", family: 4 }]);
  });

  it("ends when a name server does not answer, and holds none of the threads that read files", async () => {
    const resolve = dnsResolve([await serve(() => undefined)]);
    const ended: string[] = [];
    const lookups = Promise.allSettled(
      Array.from({ length: 8 }, (_, i) =>
        resolve(`host-${i}.example.com`).finally(() => void ended.push("lookup")),
      ),
    );
    await readFile("package.json");
    ended.push("file");
    const [first] = await lookups;
    expect(ended[0]).toBe("file");
    expect(first).toMatchObject({ status: "rejected", reason: { code: "ETIMEOUT" } });
  }, 30_000);
});

describe("systemResolve", () => {
  it("answers what the system knows", async () => {
    expect(await systemResolve(never)("localhost")).toContainEqual({ address: "127.0.0.1", family: 4 });
  });

  it("asks a name server that the system hangs on itself, and lets two threads wait for it at most", async () => {
    let asked = 0;
    const resolve = systemResolve(found, () => {
      asked += 1;
      return never("");
    });
    const answers = await Promise.all(Array.from({ length: 8 }, (_, i) => resolve(`host-${i}`)));
    expect(answers.flat()).toHaveLength(8);
    expect(asked).toBe(2);
  });

  it("asks a name server about what the system does not know", async () => {
    const resolve = systemResolve(found, () => Promise.reject(new Error("ENOTFOUND")));
    expect(await resolve("example.com")).toHaveLength(1);
  });
});

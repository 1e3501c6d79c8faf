import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FaultProxy } from "./fault-proxy.js";
import { waitFor } from "./wait-for.js";

let server: Server;
let proxy: FaultProxy;
/** Everything that reached the server. */
let received: string;
const clients: Socket[] = [];

beforeEach(async () => {
  received = "";
  server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (piece) => {
      received += String(piece);
      socket.write(String(piece).toUpperCase());
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  proxy = await FaultProxy.start((server.address() as AddressInfo).port);
});
afterEach(async () => {
  for (const socket of clients.splice(0)) socket.destroy();
  await proxy.close();
  server.close();
});

/** A client with all that it heard, and whether its connection broke. */
function client(): { say: (text: string) => void; heard: () => string; broken: () => boolean } {
  const socket = connect(proxy.port, "127.0.0.1");
  clients.push(socket);
  let heard = "";
  let broken = false;
  socket.on("data", (piece) => (heard += String(piece)));
  socket.on("error", () => (broken = true));
  socket.on("close", () => (broken = true));
  return { say: (text) => void socket.write(text), heard: () => heard, broken: () => broken };
}

async function connected(): Promise<ReturnType<typeof client>> {
  const one = client();
  one.say("hello ");
  await waitFor("an echo", () => one.heard() === "HELLO ");
  return one;
}

describe("FaultProxy", () => {
  it("passes everything on in both directions", async () => {
    const one = await connected();
    const long = "x".repeat(3_000_000);
    one.say(long);
    await waitFor("all of it", () => one.heard().length === long.length + 6);
    expect(received.length).toBe(long.length + 6);
  });

  it("swallows replies to what the server has taken in, and breaks such connections when it heals", async () => {
    const one = await connected();
    proxy.set("swallow");
    one.say("write");
    await waitFor("the server has it", () => received === "hello write");
    expect(one.heard()).toBe("HELLO ");
    expect(one.broken()).toBe(false);
    proxy.heal();
    await waitFor("the connection breaks", one.broken);
    expect(one.heard()).toBe("HELLO ");
    await connected();
  });

  it("keeps connections that missed nothing when it heals", async () => {
    const one = await connected();
    proxy.set("swallow");
    proxy.heal();
    one.say("still there");
    await waitFor("an echo", () => one.heard() === "HELLO STILL THERE");
    expect(one.broken()).toBe(false);
  });

  it("stalls both directions without a word", async () => {
    const one = await connected();
    proxy.set("stall");
    one.say("lost");
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect([received, one.heard(), one.broken()]).toEqual(["hello ", "HELLO ", false]);
  });

  it("cuts connections, and refuses new ones if told so", async () => {
    const one = await connected();
    proxy.cut();
    await waitFor("the connection breaks", one.broken);
    proxy.set("refuse");
    const two = client();
    await waitFor("the connection breaks", two.broken);
    expect(proxy.connections).toBe(0);
    proxy.heal();
    await connected();
  });

  it("cuts in the middle of a reply", async () => {
    const one = await connected();
    proxy.cutMidReply();
    one.say("12345678");
    await waitFor("the connection breaks", one.broken);
    expect(one.heard()).toBe("HELLO 1234");
  });

  it("delays without changing the order", async () => {
    const one = await connected();
    proxy.delay(60);
    const startedAtMs = performance.now();
    for (const word of ["a", "b", "c"]) one.say(word);
    await waitFor("all three", () => one.heard() === "HELLO ABC");
    // There and back.
    expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(115);
  });
});

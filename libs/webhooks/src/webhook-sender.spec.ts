import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";
import { afterEach, describe, expect, it } from "vitest";
import { WebhookSender } from "./webhook-sender.js";

const secret = `whsec_${Buffer.from("a secret of thirty-two characters").toString("base64")}`;
const message = { secret, id: "evt_1", payload: JSON.stringify({ type: "job.completed", data: { é: "✓" } }) };

let server: Server;
let sender: WebhookSender;
let received: { url: string; headers: IncomingHttpHeaders; body: string }[] = [];
afterEach(async () => {
  await sender.close();
  server?.closeAllConnections();
  server?.close();
});

async function receiver(answer: RequestListener): Promise<string> {
  received = [];
  server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8");
    request.on("data", (part: string) => (body += part));
    request.on("end", () => {
      received.push({ url: request.url ?? "", headers: request.headers, body });
      answer(request, response);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const local = { timeoutMs: 500, allowPrivate: true, allowHttp: true };

describe("a webhook", () => {
  it("is signed as Standard Webhooks says", async () => {
    const url = await receiver((_request, response) => response.writeHead(204).end());
    sender = new WebhookSender(local);
    expect(await sender.send({ ...message, url })).toMatchObject({ outcome: "delivered", status: 204 });
    const [{ headers, body }] = received as [(typeof received)[0]];
    expect(headers["webhook-id"]).toBe("evt_1");
    const signed = headers as Record<string, string>;
    expect(new Webhook(secret).verify(body, signed)).toEqual(JSON.parse(message.payload));
    expect(() => new Webhook(secret).verify(`${body} `, signed)).toThrow();
  });

  it.each([
    [500, "failed"],
    [404, "failed"],
    [410, "gone"],
  ])("that is answered %s is %s", async (status, outcome) => {
    const url = await receiver((_request, response) => response.writeHead(status).end("no"));
    sender = new WebhookSender(local);
    expect(await sender.send({ ...message, url })).toMatchObject({ outcome, status });
  });

  it("follows no redirect", async () => {
    const url = await receiver((_request, response) =>
      response.writeHead(307, { location: "/elsewhere" }).end(),
    );
    sender = new WebhookSender(local);
    expect(await sender.send({ ...message, url })).toMatchObject({ outcome: "failed", status: 307 });
    expect(received.length).toBe(1);
  });

  it("waits for no longer than its time, and reads no more than a little", async () => {
    sender = new WebhookSender(local);
    const silent = await receiver(() => undefined);
    const late = await sender.send({ ...message, url: silent });
    expect(late).toMatchObject({ outcome: "failed", error: "no answer within 500 ms" });
    server.closeAllConnections();
    server.close();
    const endless = await receiver((_request, response) => {
      response.writeHead(200);
      const write = (): void => {
        if (!response.destroyed) response.write(Buffer.alloc(65_536), () => setImmediate(write));
      };
      write();
    });
    const startedAtMs = Date.now();
    expect((await sender.send({ ...message, url: endless })).status).toBe(200);
    expect(Date.now() - startedAtMs).toBeLessThan(2_000);
  });

  it("is broken off when it is told to, which is no failure of the receiver", async () => {
    const url = await receiver(() => undefined);
    sender = new WebhookSender({ ...local, timeoutMs: 60_000 });
    const ending = new AbortController();
    const sent = sender.send({ ...message, url, signal: ending.signal });
    await expect.poll(() => received.length).toBe(1);
    ending.abort();
    expect((await sent).outcome).toBe("interrupted");
  });

  it("tells that nobody listens", async () => {
    const url = await receiver(() => undefined);
    server.close();
    sender = new WebhookSender(local);
    expect(await sender.send({ ...message, url })).toMatchObject({
      outcome: "failed",
      error: "ECONNREFUSED",
    });
  });
});

describe("a webhook to where it may not go", () => {
  it("is not sent: address, name of one, no TLS", async () => {
    const url = await receiver((_request, response) => response.end());
    const { port } = new URL(url);
    sender = new WebhookSender({ ...local, allowPrivate: false });
    for (const host of ["127.0.0.1", "[::ffff:127.0.0.1]", "2130706433", "169.254.169.254", "localhost"]) {
      const refused = await sender.send({ ...message, url: `http://${host}:${port}/` });
      expect([host, refused.outcome]).toEqual([host, "refused"]);
    }
    await sender.close();
    sender = new WebhookSender({ ...local, allowHttp: false });
    expect((await sender.send({ ...message, url })).outcome).toBe("refused");
    expect(received).toEqual([]);
  });
});

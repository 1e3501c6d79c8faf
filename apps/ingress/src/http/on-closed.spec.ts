import { once } from "node:events";
import http from "node:http";
import { expect, it } from "vitest";
import { onClosed } from "./on-closed.js";

it("hears of a client that leaves, also of one that has left already", async () => {
  const server = http.createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const sent = http.get({ port: (server.address() as { port: number }).port });
  sent.on("error", () => undefined);
  const [, response] = (await once(server, "request")) as [http.IncomingMessage, http.ServerResponse];
  const before = new Promise<void>((resolve) => onClosed(response, resolve));
  sent.destroy();
  await before;
  await new Promise<void>((resolve) => onClosed(response, resolve));
  server.close();
  expect(response.writableFinished).toBe(false);
});

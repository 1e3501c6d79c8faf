import { once } from "node:events";
import { createServer, request, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import type { S3Settings } from "../s3-store.js";

/** A proxy before an S3 server, which sees every request and cuts answers. */
export interface S3Watch {
  /** Those of the server, by way of the proxy. */
  readonly settings: S3Settings;
  /** Headers of the GETs so far, in their order. */
  readonly reads: IncomingHttpHeaders[];
  /** Requests whose answer is under way. */
  readonly underWay: number;
  /** Cuts the connection of each of the next `answers` to a GET after so many bytes of its body. */
  cutNext(answers: number, afterBytes: number): void;
  stop(): Promise<void>;
}

export async function watchS3(server: S3Settings): Promise<S3Watch> {
  const reads: IncomingHttpHeaders[] = [];
  let [underWay, toCut, afterBytes] = [0, 0, 0];
  const proxy = createServer((incoming, outgoing) => {
    underWay += 1;
    outgoing.once("close", () => (underWay -= 1));
    const isRead = incoming.method === "GET";
    if (isRead) reads.push(incoming.headers);
    const target = new URL(incoming.url!, server.endpoint);
    const forwarded = request(target, { method: incoming.method, headers: incoming.headers }, (answer) => {
      outgoing.writeHead(answer.statusCode!, answer.headers);
      const cut = isRead && toCut > 0;
      if (!cut) return void answer.pipe(outgoing);
      toCut -= 1;
      let left = afterBytes;
      answer.on("data", (piece: Buffer) => {
        if (left <= 0) return;
        outgoing.write(piece.subarray(0, left));
        if ((left -= piece.length) > 0) return;
        // What was written shall arrive first.
        outgoing.write("", () => setImmediate(() => outgoing.destroy()));
      });
      if (left === 0) outgoing.destroy();
    });
    incoming.pipe(forwarded);
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  return {
    settings: { ...server, endpoint: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` },
    reads,
    get underWay() {
      return underWay;
    },
    cutNext: (answers, bytes) => void ([toCut, afterBytes] = [answers, bytes]),
    stop: async () => {
      proxy.closeAllConnections();
      await new Promise((resolve) => proxy.close(resolve));
    },
  };
}

/** A hub on this machine that misbehaves on request. */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface FakeHub {
  readonly endpoint: string;
  /** Requests so far: method-less, as `path range`. */
  readonly requests: {
    readonly path: string;
    readonly range: string | undefined;
    readonly token: string | undefined;
  }[];
  /** Answers the next request for a path that ends with this by itself. */
  readonly trick: (path: string, answer: Trick) => void;
  close(): Promise<void>;
}

export type Trick = (request: IncomingMessage, response: ServerResponse, content: Buffer) => void;

/** Serves `files` as `owner/encoder`. Those over 100 bytes are listed as large ones. `listed` overrides what is said of a file. */
export async function startFakeHub(
  files: Readonly<Record<string, Buffer>>,
  listed: Readonly<Record<string, object>> = {},
): Promise<FakeHub> {
  const tricks: { path: string; answer: Trick }[] = [];
  const requests: FakeHub["requests"] = [];
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url!);
    const { range, authorization } = request.headers;
    requests.push({ path, range, token: authorization });
    const content = files[path.replace("/owner/encoder/resolve/main/", "")] ?? Buffer.alloc(0);
    const trick = tricks.findIndex((of) => path.endsWith(of.path));
    if (trick >= 0) return tricks.splice(trick, 1)[0]!.answer(request, response, content);
    if (path.startsWith("/api/models/owner/encoder/tree/main")) return list(path, response);
    const name = path.replace("/owner/encoder/resolve/main/", "");
    if (!(name in files)) return response.writeHead(404).end();
    const from = range === undefined ? 0 : Number(/\d+/.exec(range)![0]);
    if (range === undefined) response.writeHead(200, { "content-length": content.length });
    else
      response.writeHead(206, { "content-range": `bytes ${from}-${content.length - 1}/${content.length}` });
    return response.end(content.subarray(from));
  });

  /** Two pages, to see that both are read. */
  function list(path: string, response: ServerResponse): void {
    const entries = Object.entries(files).map(([name, content]) => describe(name, content));
    const half = Math.ceil(entries.length / 2);
    const isSecond = path.includes("cursor=2");
    const headers = isSecond
      ? {}
      : { link: `<http://${String(response.req.headers.host)}${path}&cursor=2>; rel="next"` };
    response.writeHead(200, { "content-type": "application/json", ...headers });
    const page = isSecond
      ? entries.slice(half)
      : [{ type: "directory", path: "onnx", size: 0, oid: "0" }, ...entries.slice(0, half)];
    response.end(JSON.stringify(page));
  }

  function describe(path: string, content: Buffer): object {
    const size = content.length;
    const oid = createHash("sha1").update(`blob ${size}\0`).update(content).digest("hex");
    const lfs = { oid: createHash("sha256").update(content).digest("hex"), size };
    return { type: "file", path, size, oid, ...(size > 100 ? { lfs } : {}), ...listed[path] };
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    trick: (path, answer) => tricks.push({ path, answer }),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { watchJob } from "./watch-job.js";

let server: Server;
afterEach(() => void server.close().closeAllConnections());

const chunk = (id: string, content: string) =>
  `id: ${id}\ndata: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`;

/** Serves one answer a connection and notes what was asked for. */
async function serve(...answers: ((response: ServerResponse) => void)[]) {
  const asked: unknown[] = [];
  server = createServer((request, response) => {
    asked.push(request.headers["last-event-id"]);
    answers[asked.length - 1]?.(response);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

function watch(url: string) {
  const seen: string[] = [];
  const options = { onText: (text: string) => seen.push(text), onRestart: () => seen.push("(restart)") };
  return { seen, job: watchJob({ ingress: { url }, id: "req_1", ...options }) };
}

describe("watchJob", () => {
  it("goes on behind the last event after a cut connection, without repeating text", async () => {
    const { url, asked } = await serve(
      (response) => response.write(chunk("1-1", "Hel"), () => response.destroy()),
      (response) =>
        response.end(`${chunk("1-2", "lo")}event: job.completed\ndata: {"status":"completed"}\n\n`),
    );
    const { seen, job } = watch(url);
    expect((await job).status).toBe("completed");
    expect(seen.join("")).toBe("Hello");
    expect(asked).toEqual([undefined, "1-1"]);
  });

  it("says that an answer starts over", async () => {
    const restart = "id: 2-0\nevent: job.restarted\ndata: {}\n\n";
    const { url } = await serve((response) =>
      response.end(
        `${chunk("1-1", "a")}${restart}${chunk("2-1", "b")}event: job.failed\ndata: {"status":"failed"}\n\n`,
      ),
    );
    const { seen, job } = watch(url);
    expect((await job).status).toBe("failed");
    expect(seen).toEqual(["a", "(restart)", "b"]);
  });

  it("ends at once where there is no such job", async () => {
    const { url, asked } = await serve((response) => {
      response.writeHead(404).end('{"error":{"code":"job_not_found","message":"no job"}}');
    });
    await expect(watch(url).job).rejects.toThrow("job_not_found: no job");
    expect(asked).toHaveLength(1);
  });
});

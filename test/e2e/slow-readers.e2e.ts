import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { newRequestId, type Job } from "@expert-router/contracts";
import { waitFor } from "@expert-router/testing";
import { afterEach, describe, expect, it } from "vitest";
import { TestSystem } from "../support/system.js";

/** More of them measure: `SLOW_READERS=1000 SLOW_TOKENS=200000 npx vitest run test/e2e/slow-readers.e2e.ts`. */
const readers = Number(process.env["SLOW_READERS"] ?? 40);
const tokens = Number(process.env["SLOW_TOKENS"] ?? 60_000);
/** Memory that a reader who stands still may cost the ingress, whatever the length of the answer. */
const boundKbPerReader = 1_024;
const headroomKb = 150_000;

let system: TestSystem;
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await system?.stop();
});

/** Asks for the events of a job and does not read what comes. */
function standStill(url: string, id: string): Socket {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) }).on("error", () => undefined);
  socket.pause();
  socket.write(`GET /v1/jobs/${id}/events HTTP/1.1\r\nhost: ${hostname}\r\n\r\n`);
  sockets.push(socket);
  return socket;
}

function rssKb(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}

/** Ids of the events in what a socket gives, to their end. */
async function readIds(socket: Socket): Promise<string[]> {
  const ids: string[] = [];
  let rest = "";
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    rest += chunk.toString("latin1");
    // The last event is as long as the answer; it need not be gathered.
    const ended = rest.includes("event: job.completed");
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const id = /^id: (\S+)$/.exec(line)?.[1];
      if (id !== undefined) ids.push(id);
    }
    if (ended) break;
  }
  return ids;
}

describe.runIf(process.platform === "linux")("readers that stand still", () => {
  it(
    "cost the ingress a bounded amount of memory, slow nobody down, and miss nothing when they go on",
    async () => {
      system = await TestSystem.start({
        experts: { code: ["code"] },
        timeToFirstTokenMs: 500,
        interTokenLatencyMs: 0,
      });
      const { pid } = system.ingresses[0]!.process;
      const messages = [{ role: "user", content: `Write all programs. ${newRequestId()}` }];
      const body = { model: "code", max_tokens: tokens, messages };
      const response = await fetch(`${system.url}/v1/jobs`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ endpoint: "/v1/chat/completions", body }),
      });
      const { id } = (await response.json()) as Job;
      const still = Array.from({ length: readers }, () => standStill(system.url, id));
      await waitFor("all connections", () => still.every((socket) => !socket.connecting));
      const beforeKb = rssKb(pid);
      let greatestKb = beforeKb;
      const watching = setInterval(() => (greatestKb = Math.max(greatestKb, rssKb(pid))), 20);
      const startedAtMs = performance.now();
      const events = await (await fetch(`${system.url}/v1/jobs/${id}/events`)).text();
      const tookMs = Math.round(performance.now() - startedAtMs);
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      clearInterval(watching);
      const expected = events.match(/^id: \S+$/gm)!.map((line) => line.slice(4));
      expect(expected).toHaveLength(tokens + 2);
      const [own, most] = [beforeKb, greatestKb].map((kb) => Math.round(kb / 1_024));
      process.stdout.write(
        `slow readers ${readers}, ${tokens} tokens: ingress ${own} MB before, ${most} MB at most; a fast one took ${tookMs} ms\n`,
      );
      expect(greatestKb - beforeKb).toBeLessThan(headroomKb + readers * boundKbPerReader);
      expect(await readIds(still[0]!)).toEqual(expected);
    },
    120_000 + readers * 200 + tokens,
  );
});

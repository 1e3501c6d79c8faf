import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { JobList } from "@expert-router/contracts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { jobsCommand } from "./jobs.js";
import { outputOf } from "./run-command.fixture.js";

let server: Server;
let asked: URL;
let answer: Partial<JobList>;
beforeAll(async () => {
  server = createServer((request, response) => {
    asked = new URL(request.url!, "http://ingress");
    response.end(JSON.stringify({ data: [], has_more: false, ...answer }));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterAll(() => void server.close().closeAllConnections());

function url(): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Lists jobs; answers what the ingress was asked. */
async function list(...args: string[]): Promise<Record<string, string>> {
  await outputOf(jobsCommand(), "list", "--url", url(), ...args);
  expect(asked.pathname).toBe("/v1/jobs");
  return Object.fromEntries(asked.searchParams);
}

describe("expert-router jobs list", () => {
  it("hands every filter of the route on", async () => {
    expect(await list()).toEqual({ limit: "20" });
    const filters = [
      ["--status", "failed", "--expert", "code", "--limit", "5", "--order", "asc", "--after", "req_1"],
      ["--metadata", "project=atlas", "--metadata", "formula=a=b&c", "--metadata", "empty="],
      ["--created-after", "2026-11-25T20:00+01:00", "--created-before", "1795633438"],
    ];
    expect(await list(...filters.flat())).toEqual({
      status: "failed",
      expert: "code",
      limit: "5",
      order: "asc",
      after: "req_1",
      "metadata[project]": "atlas",
      "metadata[formula]": "a=b&c",
      "metadata[empty]": "",
      created_after: String(Date.UTC(2026, 10, 25, 19) / 1_000),
      created_before: "1795633438",
    });
    expect(await list("--before", "req_1", "--created-after", "2026-11-25")).toEqual({
      before: "req_1",
      created_after: String(Date.UTC(2026, 10, 25) / 1_000),
      limit: "20",
    });
  });

  it.each([
    ["--metadata", "project"],
    ["--metadata", "=atlas"],
    ["--created-after", "yesterday"],
    ["--created-before", "2026-13-01"],
    ["--created-before", ""],
    ["--status", "done"],
    ["--limit", "0"],
    ["--limit", "1", "--after", "a", "--before", "b"],
  ])("refuses %s %s", async (...args) => {
    await expect(list(...args)).rejects.toMatchObject({
      code: expect.stringMatching(/^commander\.(invalidArgument|conflictingOption)/),
    });
  });

  it("says where it goes on, in the direction it was read", async () => {
    const jobs = ["req_3", "req_2"].map((id) => ({ id, created_at: 1, status: "queued", error: null }));
    const page = { data: jobs as JobList["data"], first_id: "req_3", last_id: "req_2", has_more: true };
    const pages: [Partial<JobList>, string[], string][] = [
      [page, ["--after", "req_4"], "more: --after req_2\n"],
      [page, ["--before", "req_1"], "more: --before req_3\n"],
      [{ ...page, data: [], first_id: null }, ["--before", "req_1"], "more: --before req_2\n"],
    ];
    for (const [found, cursor, line] of pages) {
      answer = found;
      const { stdout, stderr } = await outputOf(jobsCommand(), "list", "--url", url(), ...cursor);
      expect(stdout.split("\n").length - 1).toBe(found.data!.length);
      expect(stderr).toBe(line);
    }
  });
});

import { describe, expect, it } from "vitest";
import { createLogger } from "./logger.js";

function capture(level = "info") {
  const lines: string[] = [];
  const logger = createLogger({
    name: "test",
    level,
    destination: { write: (line) => void lines.push(line) },
  });
  return { logger, lines, last: () => JSON.parse(lines.at(-1) ?? "null") as Record<string, unknown> };
}

describe("createLogger", () => {
  it("writes one JSON object a line, with an ISO time and a named level", () => {
    const { logger, lines, last } = capture();
    logger.info({ expert: "code" }, "ready");
    expect(lines).toHaveLength(1);
    expect(last()).toMatchObject({
      level: "info",
      name: "test",
      msg: "ready",
      expert: "code",
      pid: process.pid,
    });
    expect(last()["time"]).toMatch(/^\d{4}-\d\d-\d\dT/);
  });

  it("obeys its level", () => {
    const { logger, lines } = capture("warn");
    logger.info("not this");
    expect(lines).toEqual([]);
  });

  it("removes prompts, bodies and secrets, two levels deep", () => {
    const { logger, lines } = capture();
    logger.info(
      {
        prompt: "SECRET",
        body: { messages: "SECRET" },
        request: { id: "req_1", headers: { authorization: "SECRET" }, body: "SECRET" },
        settings: { redisUrl: "redis://:SECRET@h", engine: { apiKey: "SECRET" } },
      },
      "x",
    );
    expect(lines.join()).not.toContain("SECRET");
    expect(lines.join()).toContain("req_1");
  });

  it("keeps of an error what names it, and not what a library hung on it", () => {
    const { logger, lines, last } = capture();
    const cause = Object.assign(new Error("refused"), { code: "ECONNREFUSED" });
    const error = Object.assign(new Error("failed", { cause }), { command: { args: ["SECRET"] } });
    logger.error({ err: error }, "x");
    expect(lines.join()).not.toContain("SECRET");
    expect(last()["err"]).toMatchObject({
      type: "Error",
      message: "failed",
      cause: { code: "ECONNREFUSED" },
    });
    logger.error(error);
    expect(lines.at(-1)).not.toContain("SECRET");
  });
});

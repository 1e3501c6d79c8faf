import { describe, expect, it } from "vitest";
import { engineFamilies } from "./families/index.js";
import {
  failureInStream,
  failureOfConnection,
  failureOfStatus,
  parseRetryAfter,
} from "./upstream-failure.js";

describe("failureOfStatus", () => {
  it.each([
    [400, "engine_rejected"],
    [413, "engine_rejected"],
    [422, "engine_rejected"],
    [401, "engine_error"],
    [404, "engine_error"],
    [408, "engine_timeout"],
    [429, "engine_overloaded"],
    [503, "engine_overloaded"],
    [500, "engine_error"],
    [502, "engine_error"],
  ])("maps %i to %s", (status, code) => {
    expect(failureOfStatus(status, "", undefined)).toMatchObject({ code, upstreamStatus: status });
  });

  it.each([
    [
      "OpenAI and vLLM",
      '{"error":{"message":"bad","type":"BadRequestError","param":"top_p","code":400}}',
      "bad",
      "top_p",
    ],
    [
      "older vLLM",
      '{"object":"error","message":"bad","type":"BadRequestError","param":"top_p","code":400}',
      "bad",
      "top_p",
    ],
    ["TGI and Triton", '{"error":"bad","error_type":"validation"}', "bad", null],
    ["FastAPI", '{"detail":"bad"}', "bad", null],
    ["plain text", "bad\n", "bad", null],
    ["a proxy's page", "<html>…</html>", "The engine answered with HTTP status 400.", null],
    ["nothing", "", "The engine answered with HTTP status 400.", null],
  ])("reads the message of %s", (_family, body, message, param) => {
    expect(failureOfStatus(400, body, undefined)).toMatchObject({ message, param });
  });

  it("keeps messages short", () => {
    expect(failureOfStatus(400, "x".repeat(5_000), undefined).message).toHaveLength(1_000);
  });
});

describe("the words of a failing server", () => {
  it("lose their stack trace", () => {
    const body = JSON.stringify({ error: { message: 'out of memory\n  File "/srv/app.py", line 3' } });
    expect(failureOfStatus(500, body, undefined).message).toBe("out of memory");
  });
});

describe("a rejection that a family answers with 500", () => {
  const message =
    "1 validation error:\n  {'loc': ('body', 'temperature')}\n\n  File \"/srv/app.py\", line 264";
  const body = JSON.stringify({ error: { message, type: "internal_server_error" } });

  it("is one, without the stack trace behind it", () => {
    expect(failureOfStatus(500, body, undefined, engineFamilies.llamacpp.disguisedRejection)).toMatchObject({
      code: "engine_rejected",
      message: "1 validation error:\n  {'loc': ('body', 'temperature')}",
    });
  });

  it("is none for families that use statuses rightly", () => {
    expect(failureOfStatus(500, body, undefined)).toMatchObject({ code: "engine_error" });
  });
});

describe("parseRetryAfter", () => {
  it("reads seconds and dates, within reason", () => {
    const nowMs = Date.parse("2026-01-01T00:00:00Z");
    expect(parseRetryAfter("7", nowMs)).toBe(7);
    expect(parseRetryAfter("0.2", nowMs)).toBe(1);
    expect(parseRetryAfter("Thu, 01 Jan 2026 00:00:30 GMT", nowMs)).toBe(30);
    expect(parseRetryAfter("Wed, 31 Dec 2025 00:00:30 GMT", nowMs)).toBe(0);
    expect(parseRetryAfter("999999", nowMs)).toBe(3_600);
    for (const junk of [undefined, "", "soon"]) expect(parseRetryAfter(junk, nowMs)).toBeUndefined();
  });
});

describe("failures after the head", () => {
  it("tell a connection that was never made from one that broke", () => {
    const refused = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
    expect(failureOfConnection(refused, false)).toMatchObject({ code: "engine_unreachable" });
    // The engine may have died of the request: this is no way to try it for ever.
    const reset = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
    expect(failureOfConnection(reset, false)).toMatchObject({ code: "engine_error" });
    expect(failureOfConnection(reset, true)).toMatchObject({ code: "engine_error" });
  });

  it("read errors of any shape", () => {
    expect(failureInStream({ message: "m", http_status_code: 422 })).toMatchObject({
      code: "engine_rejected",
      message: "m",
    });
    expect(failureInStream(null)).toMatchObject({ code: "engine_error" });
  });
});

import { CodedError } from "@expert-router/contracts";
import { HttpException, NotFoundException } from "@nestjs/common";
import { describe, expect, it } from "vitest";
import { retryAfterS, terminalError, toCodedError } from "./error-answer.js";

const fastifyError = (code: string, status: number) =>
  new HttpException("words", status, { cause: Object.assign(new Error("words"), { code }) });

describe("toCodedError", () => {
  it.each([
    [fastifyError("FST_ERR_CTP_INVALID_JSON_BODY", 400), "invalid_json"],
    [fastifyError("FST_ERR_CTP_BODY_TOO_LARGE", 413), "request_too_large"],
    [fastifyError("FST_ERR_CTP_INVALID_MEDIA_TYPE", 415), "unsupported_media_type"],
    [new NotFoundException(), "not_found"],
    [new HttpException("teapot", 418), "invalid_request"],
    [Object.assign(new Error("connect"), { code: "ECONNREFUSED" }), "redis_unavailable"],
    [new Error("Stream isn't writeable and enableOfflineQueue options is false"), "redis_unavailable"],
    [new Error("Connection is closed."), "redis_unavailable"],
    [new Error("Command timed out"), "redis_unavailable"],
    [new Error("Command aborted due to connection close"), "redis_unavailable"],
    [new Error("OOM command not allowed when used memory > 'maxmemory'."), "redis_unavailable"],
    [new TypeError("secret detail"), "internal_error"],
    ["a string", "internal_error"],
    [undefined, "internal_error"],
  ])("%s → %s", (error, code) => {
    expect(toCodedError(error).code).toBe(code);
  });

  it("keeps coded errors, and tells nothing of unknown ones", () => {
    const coded = new CodedError("queue_full", "full");
    expect(toCodedError(coded)).toBe(coded);
    expect(JSON.stringify(toCodedError(new Error("secret detail")).toBody())).not.toContain("secret");
  });
});

describe("retryAfterS", () => {
  it("is there on every 429 and 503, in whole seconds from 1", () => {
    expect(retryAfterS(new CodedError("queue_full", "", { retryAfterS: 2.1 }))).toBe(3);
    expect(retryAfterS(new CodedError("queue_full", "", { retryAfterS: 0 }))).toBe(1);
    expect(retryAfterS(new CodedError("engine_unreachable", ""))).toBe(1);
    expect(retryAfterS(new CodedError("internal_error", ""))).toBeUndefined();
  });
});

describe("terminalError", () => {
  it("takes the code of the log where it is known", () => {
    expect(
      terminalError({ status: "failed", error: { code: "engine_timeout", message: "slow" } }),
    ).toMatchObject({ code: "engine_timeout", message: "slow" });
    expect(terminalError({ status: "failed", error: { code: "new_code", message: "x" } }).code).toBe(
      "internal_error",
    );
    expect(terminalError({ status: "cancelled" }).code).toBe("request_cancelled");
    expect(terminalError({ status: "expired" }).code).toBe("deadline_exceeded");
  });
});

import {
  chatCompletionRequestSchema,
  completionRequestSchema,
  jobSubmissionSchema,
  type CodedError,
} from "@expert-router/contracts";
import { describe, expect, it } from "vitest";
import type { z } from "zod";
import { validate } from "./request-validation.js";

function problem(
  schema: z.ZodType,
  value: unknown,
  at?: string,
): Pick<CodedError, "code" | "param" | "message"> {
  try {
    validate(schema, value, at);
  } catch (error) {
    return error as CodedError;
  }
  throw new Error("the value is valid");
}

const messages = [{ role: "user", content: "x" }];

describe("validate", () => {
  it.each([
    [{ messages }, "missing_required_parameter", "model"],
    [{ model: "auto" }, "missing_required_parameter", "messages"],
    [{ model: "auto", messages: [{ content: "x" }] }, "missing_required_parameter", "messages[0].role"],
    [{ model: "auto", messages: [] }, "invalid_value", "messages"],
    [{ model: "auto", messages: [{ role: "robot", content: "x" }] }, "invalid_value", "messages[0].role"],
    [{ model: "auto", messages: [{ role: "user", content: 3 }] }, "invalid_value", "messages[0].content"],
    [{ model: "auto", messages, temperature: 3 }, "invalid_value", "temperature"],
    [{ model: "auto", messages, max_tokens: 0 }, "invalid_value", "max_tokens"],
    [null, "invalid_value", null],
    [[], "invalid_value", null],
    [undefined, "invalid_value", null],
  ])("%j → %s at %s", (body, code, param) => {
    const { message, ...rest } = problem(chatCompletionRequestSchema, body);
    expect(rest).toMatchObject({ code, param });
    if (param !== null) expect(message).toContain(`'${param}'`);
  });

  it("names all types a value may have", () => {
    expect(problem(completionRequestSchema, { model: "auto", prompt: 3 }).message).toBe(
      "Invalid value for 'prompt': expected one of string, array.",
    );
    expect(problem(completionRequestSchema, { model: "auto" }).code).toBe("missing_required_parameter");
  });

  it("names an unknown field, and the place of a nested body", () => {
    const job = { endpoint: "/v1/completions", body: {} };
    expect(problem(jobSubmissionSchema, { ...job, colour: 1 })).toMatchObject({
      code: "invalid_value",
      param: "colour",
    });
    expect(problem(completionRequestSchema, { prompt: "x" }, "body")).toMatchObject({ param: "body.model" });
  });

  it("keeps fields it does not know", () => {
    expect(validate(chatCompletionRequestSchema, { model: "auto", messages, min_p: 0.1 })).toHaveProperty(
      "min_p",
      0.1,
    );
  });
});

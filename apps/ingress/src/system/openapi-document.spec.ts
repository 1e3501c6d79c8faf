import { Validator } from "@seriousme/openapi-schema-validator";
import { describe, expect, it } from "vitest";
import { openApiDocument } from "./openapi-document.js";
import { methodsOf } from "./openapi-paths.js";

describe("the OpenAPI document", () => {
  it("is valid OpenAPI 3.1", async () => {
    const validator = new Validator();
    const { valid, errors } = await validator.validate(structuredClone(openApiDocument()));
    expect(errors ?? []).toEqual([]);
    expect(valid).toBe(true);
    expect(validator.version).toBe("3.1");
  });

  it("would be refused with a mistake in it", async () => {
    const document = openApiDocument() as { paths: Record<string, unknown> };
    document.paths["/v1/models"] = { get: { responses: "none" } };
    expect((await new Validator().validate(document)).valid).toBe(false);
  });

  it("has an operation id for each operation, once", () => {
    const { paths } = openApiDocument() as { paths: Record<string, Record<string, { operationId: string }>> };
    const ids = Object.values(paths).flatMap((methods) =>
      Object.values(methods).map((one) => one.operationId),
    );
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toContain("postV1ChatCompletions");
  });
});

describe("methodsOf", () => {
  it("finds paths with parameters, and no others", () => {
    expect(methodsOf("/v1/jobs")).toEqual(["POST", "GET"]);
    expect(methodsOf("/v1/jobs/req_1/cancel")).toEqual(["POST"]);
    expect(methodsOf("/v1/jobs/a/b/c")).toEqual([]);
    expect(methodsOf("/openapiXjson")).toEqual([]);
  });
});

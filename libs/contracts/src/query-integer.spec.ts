import { describe, expect, it } from "vitest";
import { jobListQuerySchema } from "./api-jobs.js";
import { responseQuerySchema } from "./api-responses.js";
import { queryInteger } from "./query-integer.js";

describe("a whole number in a query", () => {
  const read = (text: unknown) => queryInteger(0, 100).safeParse(text).data;

  it("is read from digits in its bounds", () => {
    expect(["0", "7", "007", "100"].map(read)).toEqual([0, 7, 7, 100]);
  });

  it.each(["", " ", "x", "-1", "+1", "1.5", "1e1", "0x10", "101", "99999999999999999", ["1"], 5, null])(
    "is not %j",
    (text) => expect(read(text)).toBeUndefined(),
  );

  it("may be left out, which an empty one is not", () => {
    expect(jobListQuerySchema.parse({})).toEqual({ limit: 20, order: "desc" });
    for (const name of ["created_after", "created_before", "limit"])
      expect(jobListQuerySchema.safeParse({ [name]: "" }).success, name).toBe(false);
  });

  it("is a place to go on from where it says one", () => {
    const after = (query: object) => responseQuerySchema.parse(query).starting_after;
    expect([after({}), after({ starting_after: "" }), after({ starting_after: "3" })]).toEqual([
      undefined,
      undefined,
      3,
    ]);
    expect(responseQuerySchema.safeParse({ starting_after: " " }).success).toBe(false);
  });
});

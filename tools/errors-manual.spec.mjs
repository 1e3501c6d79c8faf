/** The manual of errors lists the error table, no more and no less. */
import { readFileSync } from "node:fs";
import { errorTable } from "@expert-router/contracts";
import { describe, expect, it } from "vitest";

const manual = readFileSync(new URL("../docs/errors.md", import.meta.url), "utf8");
const row = /^\| `(\w+)` \| (\d+) \| `(\w+)` \| (yes|no) \| (yes|no) \| (.+) \|$/gm;

describe("docs/errors.md", () => {
  it("says of every code what the error table says", () => {
    const listed = [...manual.matchAll(row)].map(([, code, status, type, retryable, sheddable]) => [
      code,
      { status: Number(status), type, retryable: retryable === "yes", sheddable: sheddable === "yes" },
    ]);
    expect(Object.fromEntries(listed)).toEqual(errorTable);
    expect(listed).toHaveLength(Object.keys(errorTable).length);
  });
});

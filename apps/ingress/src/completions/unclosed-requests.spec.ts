import type { RequestId } from "@expert-router/contracts";
import { describe, expect, it } from "vitest";
import { UnclosedRequests } from "./unclosed-requests.js";

const request = (id: string, status: "cancelled" | "expired" | "failed" = "cancelled") => ({
  id: id as RequestId,
  expert: "code",
  terminal: { status },
});

describe("UnclosedRequests", () => {
  it("gives each once, oldest first, with the first end it was given", () => {
    const unclosed = new UnclosedRequests(3);
    for (const one of [request("a", "expired"), request("b"), request("a"), request("c")]) unclosed.keep(one);
    expect(unclosed.take(2)).toEqual([request("a", "expired"), request("b")]);
    expect(unclosed.take(2)).toEqual([request("c")]);
    expect(unclosed.size).toBe(0);
  });

  it("keeps a bound: the oldest gives way, but not for one that never arrived", () => {
    const unclosed = new UnclosedRequests(2);
    for (const one of [request("a"), request("b"), request("c"), request("d", "failed")]) unclosed.keep(one);
    expect(unclosed.take(9).map(({ id }) => id)).toEqual(["b", "c"]);
  });
});

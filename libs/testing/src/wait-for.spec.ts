import { describe, expect, it } from "vitest";
import { waitFor } from "./wait-for.js";

describe("waitFor", () => {
  it("asks until the answer is truthy, whatever was thrown before", async () => {
    let asked = 0;
    const answer = await waitFor("three asks", () => {
      asked++;
      if (asked === 1) throw new Error("not yet");
      return asked >= 3 ? asked : undefined;
    });
    expect(answer).toBe(3);
  });

  it("gives up, naming what it waited for and the last exception", async () => {
    const never = waitFor("the impossible", () => Promise.reject(new Error("because")), { timeoutMs: 20 });
    await expect(never).rejects.toMatchObject({
      message: "waited 20 ms in vain: the impossible",
      cause: { message: "because" },
    });
  });
});

import { defaultEngineSimOptions } from "@expert-router/engine-sim";
import { describe, expect, it } from "vitest";
import { isUnavailablePort, startSimulator } from "./start-simulator.js";

describe("startSimulator", () => {
  it("takes another port where the preferred one is taken, and only if it may", async () => {
    const first = await startSimulator({ ...defaultEngineSimOptions, port: 0 }, false);
    const same = { ...defaultEngineSimOptions, port: first.port };
    const second = await startSimulator(same, true);
    expect(second.port).not.toBe(first.port);
    const refusal: unknown = await startSimulator(same, false).catch((error: unknown) => error);
    expect(isUnavailablePort(refusal)).toBe(true);
    await Promise.all([first.close(), second.close()]);
  });
});

import { describe, expect, it } from "vitest";
import type { ThreadData } from "./thread-messages.js";
import { maxRestarts, ThreadHost } from "./thread-host.js";

/** A thread that answers with the number of texts, and dies of the text "die". */
const script = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort } from "node:worker_threads";
    parentPort.on("message", ({ kind, texts }) => {
      if (kind === "close") return parentPort.close();
      if (texts[0] === "die") throw new Error("out of breath");
      if (texts[0] === "leave") process.exit(3);
      if (texts[0] === "fail") return parentPort.postMessage({ kind: "failed", message: "no" });
      parentPort.postMessage({ kind: "encoded", rows: Float32Array.of(texts.length), tokens: 1 });
    });
    parentPort.postMessage({ kind: "ready", dimensions: 1 });
  `)}`,
);
const data = {} as ThreadData;

describe("ThreadHost", () => {
  it("rejects the call in which the thread dies, and answers the next by another thread", async () => {
    const { host, dimensions } = await ThreadHost.start(data, { script });
    expect(dimensions).toBe(1);
    await expect(host.encode(["die"])).rejects.toMatchObject({
      code: "encoder_failed",
      message: expect.stringContaining("out of breath"),
    });
    expect([...(await host.encode(["a", "b"])).rows]).toEqual([2]);
    await expect(host.encode(["leave"])).rejects.toThrow("exit code 3");
    expect([...(await host.encode(["a"])).rows]).toEqual([1]);
    await host.close();
  });

  it("keeps the thread when only the model fails", async () => {
    const { host } = await ThreadHost.start(data, { script });
    await expect(host.encode(["fail"])).rejects.toThrow("the model failed: no");
    expect([...(await host.encode(["a"])).rows]).toEqual([1]);
    await host.close();
  });

  it("gives up when threads die one after the other, and not when they die now and then", async () => {
    let now = 0;
    const { host } = await ThreadHost.start(data, { script, now: () => now });
    for (let death = 0; death < 2 * maxRestarts; death++) {
      await expect(host.encode(["die"])).rejects.toThrow("out of breath");
      now += 40_000;
    }
    for (let death = 0; death < maxRestarts; death++) await host.encode(["die"]).catch(() => undefined);
    await expect(host.encode(["a"])).rejects.toThrow("is not started again");
    expect(host.failure).toMatchObject({ code: "encoder_failed" });
    await host.close();
  });

  it("says when the thread never gets ready", async () => {
    const broken = new URL("data:text/javascript,throw new Error('no engine')");
    await expect(ThreadHost.start(data, { script: broken })).rejects.toThrow("no engine");
  });
});

import { expect, it, vi } from "vitest";
import { uninterrupted } from "./uninterrupted.js";

it("lets the work end before a signal ends the process", async () => {
  const kill = vi.spyOn(process, "kill").mockReturnValue(true);
  const listeners = process.listenerCount("SIGINT");
  let done = false;
  try {
    await uninterrupted(async () => {
      process.emit("SIGINT", "SIGINT");
      process.emit("SIGTERM", "SIGTERM");
      await Promise.resolve();
      expect(kill).not.toHaveBeenCalled();
      done = true;
    });
    expect(done).toBe(true);
    expect(kill.mock.calls).toEqual([[process.pid, "SIGINT"]]);
  } finally {
    kill.mockRestore();
  }
  expect(process.listenerCount("SIGINT")).toBe(listeners);
});

it("gives result and error through when no signal came", async () => {
  const kill = vi.spyOn(process, "kill").mockReturnValue(true);
  try {
    expect(await uninterrupted(() => Promise.resolve(5))).toBe(5);
    await expect(uninterrupted(() => Promise.reject(new Error("disk full")))).rejects.toThrow("disk full");
    expect(kill).not.toHaveBeenCalled();
  } finally {
    kill.mockRestore();
  }
});

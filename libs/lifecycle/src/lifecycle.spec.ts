import { EventEmitter } from "node:events";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Lifecycle, type DrainStepReport } from "./lifecycle.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

class FakeProcess extends EventEmitter {
  readonly exits: number[] = [];
  connected: boolean | undefined = undefined;

  exit(code: number): void {
    this.exits.push(code);
  }
}

const never = new Promise<void>(() => undefined);

describe("readiness", () => {
  it("needs the state ready and every check", async () => {
    const lifecycle = new Lifecycle();
    let redis = false;
    lifecycle.addReadinessCheck("redis", () => redis);
    lifecycle.addReadinessCheck("router", async () => true);
    lifecycle.ready();
    expect(await lifecycle.readiness()).toEqual({ ready: false, checks: { redis: false, router: true } });
    redis = true;
    expect(await lifecycle.readiness()).toEqual({ ready: true, checks: { redis: true, router: true } });
  });

  it("is refused while starting and while draining", async () => {
    const lifecycle = new Lifecycle();
    expect((await lifecycle.readiness()).ready).toBe(false);
    lifecycle.ready();
    expect((await lifecycle.readiness()).ready).toBe(true);
    void lifecycle.drain("test");
    expect((await lifecycle.readiness()).ready).toBe(false);
  });

  it("counts a check that throws or hangs as no", async () => {
    const lifecycle = new Lifecycle({ checkTimeoutMs: 500 });
    lifecycle.addReadinessCheck("throws", () => Promise.reject(new Error("down")));
    lifecycle.addReadinessCheck("throws-at-once", () => {
      throw new Error("down");
    });
    lifecycle.addReadinessCheck("hangs", () => new Promise<boolean>(() => undefined));
    lifecycle.ready();
    const readiness = lifecycle.readiness();
    await vi.advanceTimersByTimeAsync(500);
    expect(await readiness).toEqual({
      ready: false,
      checks: { throws: false, "throws-at-once": false, hangs: false },
    });
  });
});

describe("drain", () => {
  it("runs the steps one after the other, once", async () => {
    const lifecycle = new Lifecycle();
    const order: string[] = [];
    lifecycle.onDrain("slow", async () => {
      order.push("slow begins");
      await new Promise((resolve) => setTimeout(resolve, 50));
      order.push("slow ends");
    });
    lifecycle.onDrain("quick", async () => void order.push("quick"));
    const drains = [lifecycle.drain("first"), lifecycle.drain("second")];
    expect(lifecycle.state).toBe("draining");
    await vi.advanceTimersByTimeAsync(50);
    await Promise.all(drains);
    expect(order).toEqual(["slow begins", "slow ends", "quick"]);
    expect(lifecycle.state).toBe("stopped");
  });

  it("goes on after a step that fails, and reports it", async () => {
    const reports: DrainStepReport[] = [];
    const lifecycle = new Lifecycle({ onDrainStep: (report) => reports.push(report) });
    const error = new Error("no");
    lifecycle.onDrain("fails", () => Promise.reject(error));
    lifecycle.onDrain("works", async () => undefined);
    await lifecycle.drain("test");
    expect(reports).toMatchObject([
      { name: "fails", error },
      { name: "works", error: undefined },
    ]);
  });

  it("has one deadline for all steps, and still runs the remaining ones", async () => {
    const reports: DrainStepReport[] = [];
    const lifecycle = new Lifecycle({ drainTimeoutMs: 1_000, onDrainStep: (report) => reports.push(report) });
    let told = false;
    lifecycle.onDrain("hangs", (signal) => {
      signal.addEventListener("abort", () => (told = true));
      return never;
    });
    let lateSignal: AbortSignal | undefined;
    lifecycle.onDrain("closes", async (signal) => void (lateSignal = signal));
    lifecycle.onDrain("hangs too", () => never);
    const drain = lifecycle.drain("test");
    await vi.advanceTimersByTimeAsync(999);
    expect(told).toBe(false);
    await vi.advanceTimersByTimeAsync(1_000);
    await drain;
    expect(told).toBe(true);
    expect(lateSignal?.aborted).toBe(true);
    expect(reports.map(({ name, error }) => [name, error === undefined])).toEqual([
      ["hangs", false],
      ["closes", true],
      ["hangs too", false],
    ]);
  });

  it("cannot be undone by a late start", async () => {
    const lifecycle = new Lifecycle();
    await lifecycle.drain("test");
    lifecycle.ready();
    expect(lifecycle.state).toBe("stopped");
  });
});

describe("handleSignals", () => {
  it.each(["SIGINT", "SIGTERM", "SIGHUP", "disconnect"])("drains on %s and exits", async (event) => {
    const lifecycle = new Lifecycle();
    const process = new FakeProcess();
    let drained = false;
    lifecycle.onDrain("step", async () => void (drained = true));
    lifecycle.handleSignals(process);
    process.emit(event);
    await vi.advanceTimersByTimeAsync(0);
    expect(drained).toBe(true);
    expect(process.exits).toEqual([0]);
  });

  it("exits at once on the second SIGINT", () => {
    const lifecycle = new Lifecycle();
    const process = new FakeProcess();
    lifecycle.onDrain("hangs", () => never);
    lifecycle.handleSignals(process);
    process.emit("SIGINT");
    expect(process.exits).toEqual([]);
    process.emit("SIGINT");
    expect(process.exits).toEqual([130]);
  });

  it("drains when the parent died before it listened", async () => {
    const lifecycle = new Lifecycle();
    const process = new FakeProcess();
    process.connected = false;
    lifecycle.handleSignals(process);
    await vi.advanceTimersByTimeAsync(0);
    expect(process.exits).toEqual([0]);
  });
});

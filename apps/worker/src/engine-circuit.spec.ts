import { EngineError, type EngineErrorCode } from "@expert-router/engine";
import { beforeEach, describe, expect, it } from "vitest";
import { EngineCircuit } from "./engine-circuit.js";

let nowMs: number;
let circuit: EngineCircuit;

beforeEach(() => {
  nowMs = 1_000_000;
  circuit = new EngineCircuit(
    () => nowMs,
    () => 1,
  );
  circuit.probed(true);
});

function fail(code: EngineErrorCode = "engine_error", retryAfterS?: number): void {
  circuit.begin()?.ended(new EngineError(code, "It failed.", { retryAfterS }));
}

function succeed(): void {
  const call = circuit.begin();
  call?.answered();
  call?.ended();
}

/** Lets the time pass until the next health check is due, and answers it. */
function probe(healthy: boolean): void {
  nowMs += circuit.probeInMs;
  circuit.probed(healthy);
}

const times = (count: number, act: () => void): void => {
  for (let i = 0; i < count; i += 1) act();
};

describe("EngineCircuit", () => {
  it("lets nothing through before the first health check, and everything after it", () => {
    const fresh = new EngineCircuit();
    expect(fresh.room(8, 0)).toBe(0);
    expect(fresh.begin()).toBeUndefined();
    fresh.probed(true);
    expect(fresh.room(8, 0)).toBe(8);
  });

  it("opens after five failures in a row, not while first tokens come in between", () => {
    times(4, fail);
    succeed();
    times(4, fail);
    expect(circuit.state).toBe("closed");
    fail();
    expect(circuit.state).toBe("open");
    expect(circuit.room(8, 3)).toBe(0);
  });

  it("opens when half of the calls fail in the middle of their answers", () => {
    times(9, () => {
      const call = circuit.begin();
      call?.answered();
      call?.ended(new EngineError("engine_error", "It broke off."));
    });
    expect(circuit.state).toBe("closed");
    const call = circuit.begin();
    call?.answered();
    call?.ended(new EngineError("engine_error", "It broke off."));
    expect(circuit.state).toBe("open");
  });

  it("does not blame the engine for what it refuses, nor for calls that were stopped", () => {
    times(50, () => fail("engine_rejected"));
    times(50, () => circuit.begin()?.ended());
    expect(circuit.state).toBe("closed");
  });

  it("lets one request through when the engine is well again, and all once its first token came", () => {
    times(5, fail);
    probe(true);
    expect(circuit.state).toBe("half-open");
    expect(circuit.room(8, 2)).toBe(3);
    const trial = circuit.begin();
    expect(circuit.room(8, 3)).toBe(0);
    expect(circuit.begin()).toBeUndefined();
    trial?.answered();
    expect(circuit.state).toBe("closed");
    expect(circuit.room(8, 3)).toBe(8);
  });

  it("gives the trial to the next request where the first was stopped", () => {
    times(5, fail);
    probe(true);
    circuit.begin()?.ended();
    expect(circuit.state).toBe("half-open");
    expect(circuit.begin()).toBeDefined();
  });

  it("pauses twice as long after each failed trial, up to 30 s, and less while only health checks fail", () => {
    const pauses: number[] = [];
    times(5, fail);
    times(9, () => {
      pauses.push(circuit.probeInMs);
      probe(true);
      fail();
    });
    expect(pauses).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
    times(3, () => probe(false));
    expect(circuit.probeInMs).toBe(5_000);
  });

  it("spreads the pauses by chance", () => {
    const other = new EngineCircuit(
      () => nowMs,
      () => 0,
    );
    other.probed(false);
    expect(other.probeInMs).toBe(250);
  });

  it("keeps away for as long as the engine asked, whatever a check says meanwhile", () => {
    times(5, () => fail("engine_overloaded", 7));
    expect(circuit.probeInMs).toBe(7_000);
    circuit.probed(false);
    circuit.probed(true);
    expect(circuit).toMatchObject({ state: "open", probeInMs: 7_000 });
    probe(true);
    expect(circuit.state).toBe("half-open");
  });

  it("opens at the second failed health check, or at the first behind a failed call", () => {
    circuit.probed(false);
    expect(circuit.state).toBe("closed");
    circuit.probed(true);
    circuit.probed(false);
    circuit.probed(false);
    expect(circuit.state).toBe("open");
    probe(true);
    succeed();
    fail("engine_unreachable");
    expect(circuit.probeInMs).toBeLessThan(200);
    circuit.probed(false);
    expect(circuit.state).toBe("open");
  });
});

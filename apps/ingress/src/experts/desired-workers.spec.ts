import { describe, expect, it } from "vitest";
import { desiredWorkers } from "./desired-workers.js";

const none = { interactive: 0, async: 0, batch: 0 };

describe("desiredWorkers", () => {
  it.each([
    ["nothing to do", { running: 0, waiting: none, serviceS: 5 }, 0],
    ["what runs", { running: 9, waiting: none, serviceS: 5 }, 2],
    [
      "a place for each, while nothing is measured",
      { running: 0, waiting: { ...none, batch: 17 }, serviceS: undefined },
      3,
    ],
    // 100 requests of 1 s within 2 s need 50 places.
    ["interactive", { running: 8, waiting: { ...none, interactive: 100 }, serviceS: 1 }, 8],
    // 3,000 requests of 1 s within 300 s need 10.
    ["batch", { running: 8, waiting: { ...none, batch: 3_000 }, serviceS: 1 }, 3],
    ["no more places than requests", { running: 0, waiting: { ...none, interactive: 8 }, serviceS: 60 }, 1],
  ])("%s", (_name, demand, workers) => {
    expect(desiredWorkers({ ...demand, concurrency: 8 })).toBe(workers);
  });
});

import { describe, expect, it } from "vitest";
import { countTests, lastLine } from "./test-count.mjs";

const file = (status, ...tests) => ({ status, assertionResults: tests.map((each) => ({ status: each })) });

describe("countTests", () => {
  it("counts what passed, failed and was skipped", () => {
    const report = {
      ...{ numPassedTests: 5, numFailedTests: 1, numPendingTests: 2, numTodoTests: 1 },
      testResults: [file("passed", "passed"), file("failed", "failed", "passed")],
    };
    expect(lastLine(countTests(report, 1))).toBe("5 passed, 1 failed, 3 skipped");
    expect(lastLine(countTests({ ...report, numFailedTests: 0, testResults: [] }, 0))).toBe(
      "5 passed, 0 failed, 3 skipped",
    );
  });

  it("counts a file that cannot be loaded", () => {
    expect(countTests({ numPassedTests: 5, testResults: [file("failed")] }, 1).failed).toBe(1);
  });

  it("counts a crash, and an error outside of every test", () => {
    expect(countTests(undefined, 134)).toEqual({ passed: 0, failed: 1, skipped: 0 });
    expect(countTests({ numPassedTests: 5, testResults: [file("passed", "passed")] }, 1).failed).toBe(1);
  });
});

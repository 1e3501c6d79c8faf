import { expect, it } from "vitest";
import { TrainingProgress } from "./training-progress.js";

function streamOf(isTTY: boolean): { stream: NodeJS.WriteStream; text: () => string } {
  let written = "";
  const stream = {
    isTTY,
    columns: 100,
    write: (text: string) => ((written += text), true),
    cursorTo: () => true,
    moveCursor: () => true,
    clearLine: (_: number, done?: () => void) => (done?.(), true),
    on: () => stream,
    removeListener: () => stream,
  };
  return { stream: stream as unknown as NodeJS.WriteStream, text: () => written };
}

it("writes a line a finished stage where there is no terminal", () => {
  const { stream, text } = streamOf(false);
  let nowMs = 0;
  const progress = new TrainingProgress(stream, () => nowMs);
  progress.update("features", 0);
  progress.update("features", 0.5);
  nowMs = 1_240;
  progress.update("features", 1);
  progress.update("training", 1);
  progress.stop();
  expect(text()).toBe("features: done (1.2 s)\ntraining: done\n");
});

it("shows stage, share and time left on a terminal, and leaves signals and cursor alone", () => {
  const { stream, text } = streamOf(true);
  const listeners = process.listenerCount("SIGINT");
  const progress = new TrainingProgress(stream);
  progress.update("features", 0);
  expect(process.listenerCount("SIGINT")).toBe(listeners);
  progress.update("features", 0.5);
  progress.stop();
  expect(text()).toMatch(/features +█*░+ 0 %/);
  expect(text()).toMatch(/50 % {2}\S+ gone, \S+ left/);
  expect(text()).not.toContain("\u001b[?25l");
});

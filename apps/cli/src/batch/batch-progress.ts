import type { Batch } from "@expert-router/contracts";
import { SingleBar } from "cli-progress";

/** Between two lines where there is no terminal. */
const lineEveryMs = 10_000;

/** Shows how far a batch is: a bar with the time left on a terminal, a line now and then elsewhere. Writes to stderr. */
export class BatchProgress {
  private bar: SingleBar | undefined;
  private status = "";
  private saidAtMs = 0;

  constructor(
    private readonly stream: NodeJS.WriteStream,
    private readonly now: () => number = Date.now,
  ) {}

  update(batch: Batch): void {
    const { total, completed, failed } = batch.request_counts;
    if (this.stream.isTTY && total > 0) {
      this.bar ??= this.start(total, completed + failed);
      this.bar.update(completed + failed, { failed, status: batch.status });
      return;
    }
    if (batch.status === this.status && this.now() - this.saidAtMs < lineEveryMs) return;
    this.status = batch.status;
    this.saidAtMs = this.now();
    const counts =
      total === 0 ? "" : `: ${completed + failed} of ${total}${failed > 0 ? `, ${failed} failed` : ""}`;
    this.stream.write(`${batch.status}${counts}\n`);
  }

  stop(): void {
    this.bar?.stop();
    this.bar = undefined;
  }

  private start(total: number, done: number): SingleBar {
    const bar = new SingleBar({
      format:
        "{status} {bar} {value} of {total}, {failed} failed  {duration_formatted} gone, {eta_formatted} left",
      barCompleteChar: "█",
      barIncompleteChar: "░",
      barsize: 30,
      stream: this.stream,
      // A process that a signal ends cannot bring cursor and line wrap back.
      hideCursor: false,
      linewrap: true,
      gracefulExit: false,
      etaBuffer: 50,
    });
    bar.start(total, done, { failed: 0, status: "in_progress" });
    return bar;
  }
}

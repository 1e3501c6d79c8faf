import { SingleBar } from "cli-progress";

/** Stages shorter than this are not worth a time. */
const worthTimingMs = 100;

/**
 * Shows how far a training run is: a bar with the time left on a terminal, one line a finished stage elsewhere. Writes
 * to stderr. Listens to no signal: training occupies the thread, and a listener would keep Ctrl-C waiting for its end.
 */
export class TrainingProgress {
  private bar: SingleBar | undefined;
  private stage = "";
  private startedAt = 0;

  constructor(
    private readonly stream: NodeJS.WriteStream,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Reports that `done` (0 to 1) of `stage` is done. */
  readonly update = (stage: string, done: number): void => {
    if (stage !== this.stage) {
      this.stop();
      this.stage = stage;
      this.startedAt = this.now();
      if (this.stream.isTTY) this.bar = this.start(stage);
    }
    this.bar?.update(Math.min(100, Math.round(done * 100)));
    if (done < 1) return;
    this.stop();
    if (!this.stream.isTTY) this.stream.write(`${stage}: done${this.elapsed()}\n`);
    this.stage = "";
  };

  /** Ends the bar, if one is shown. */
  stop(): void {
    this.bar?.stop();
    this.bar = undefined;
  }

  private start(stage: string): SingleBar {
    const bar = new SingleBar({
      format: `${stage.padEnd(14)} {bar} {percentage} %  {duration_formatted} gone, {eta_formatted} left`,
      barCompleteChar: "█",
      barIncompleteChar: "░",
      barsize: 30,
      stream: this.stream,
      // A process that a signal ends cannot bring cursor and line wrap back.
      hideCursor: false,
      linewrap: true,
      gracefulExit: false,
    });
    bar.start(100, 0);
    return bar;
  }

  private elapsed(): string {
    const elapsedMs = this.now() - this.startedAt;
    return elapsedMs < worthTimingMs ? "" : ` (${(elapsedMs / 1_000).toFixed(1)} s)`;
  }
}

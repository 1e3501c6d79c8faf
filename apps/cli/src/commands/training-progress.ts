import { SingleBar } from "cli-progress";

/** Shows how far a training run is: a bar on a terminal, one line a finished stage elsewhere. Writes to stderr. */
export class TrainingProgress {
  private bar: SingleBar | undefined;
  private stage = "";

  constructor(private readonly stream: NodeJS.WriteStream) {}

  /** Reports that `done` (0 to 1) of `stage` is done. */
  readonly update = (stage: string, done: number): void => {
    if (!this.stream.isTTY) {
      if (done >= 1) this.stream.write(`${stage}: done\n`);
      return;
    }
    if (stage !== this.stage) {
      this.stop();
      this.stage = stage;
      this.bar = new SingleBar({
        format: "{bar} {percentage} %  {stage}",
        stream: this.stream,
        hideCursor: true,
      });
      this.bar.start(100, 0, { stage });
    }
    this.bar?.update(Math.round(done * 100));
  };

  /** Ends the bar, if one is shown. */
  stop(): void {
    this.bar?.stop();
    this.bar = undefined;
  }
}

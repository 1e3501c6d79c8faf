import { SingleBar } from "cli-progress";
import type { PullProgress } from "./pull-model.js";

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);

/** Shows how far a pull is: a bar on a terminal, one line a file elsewhere. */
export class PullProgressBar {
  private bar: SingleBar | undefined;
  private path = "";

  constructor(private readonly stream: NodeJS.WriteStream) {}

  readonly update = ({ path, bytes, totalBytes }: PullProgress): void => {
    if (!this.stream.isTTY) {
      if (path !== this.path) this.stream.write(`fetching ${path}\n`);
      this.path = path;
      return;
    }
    const shown = { path, there: megabytes(bytes), all: megabytes(totalBytes) };
    if (this.bar === undefined) {
      const format = "{bar} {percentage} %  {there} of {all} MB  {path}";
      this.bar = new SingleBar({ format, stream: this.stream, hideCursor: true });
      this.bar.start(totalBytes, bytes, shown);
    }
    this.bar.update(bytes, shown);
  };

  stop(): void {
    this.bar?.stop();
    this.bar = undefined;
  }
}

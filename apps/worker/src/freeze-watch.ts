const tickMs = 250;
/** Half of the patience that others have with a silent worker. */
const frozenMs = 1_000;

/** Notices that this process stood still (stopped, swapped out, a suspended machine): others may have taken its jobs since. */
export class FreezeWatch {
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly onThaw: () => void) {}

  start(): void {
    let lastMs = performance.now();
    this.timer = setInterval(() => {
      const nowMs = performance.now();
      if (nowMs - lastMs > frozenMs) this.onThaw();
      lastMs = nowMs;
    }, tickMs);
  }

  stop(): void {
    clearInterval(this.timer);
  }
}

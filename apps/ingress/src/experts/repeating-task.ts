/** A task that repeats for as long as the process lives. */
export interface RepeatingTask {
  stop(): void;
}

/**
 * Runs `task` every `everyMs`, varied by a fifth either way, so that replicas started together do not act in step.
 * One run ends before the next begins; errors go to `onError`. Keeps no process alive.
 */
export function repeat(
  everyMs: number,
  task: () => Promise<void>,
  onError: (error: unknown) => void,
): RepeatingTask {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const schedule = (): void => {
    if (stopped) return;
    timer = setTimeout(() => void run(), everyMs * (0.8 + Math.random() * 0.4));
    timer.unref();
  };
  const run = async (): Promise<void> => {
    try {
      await task();
    } catch (error) {
      onError(error);
    }
    schedule();
  };
  schedule();
  return {
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

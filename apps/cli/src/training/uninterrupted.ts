/**
 * Lets `work` end although SIGINT or SIGTERM arrives, and ends the process by that signal afterwards: a folder is
 * replaced whole or not at all. Without it a signal ends the process at once, in the midst of a computation too.
 */
export async function uninterrupted<Result>(work: () => Promise<Result>): Promise<Result> {
  let received: NodeJS.Signals | undefined;
  const remember = (signal: NodeJS.Signals): void => void (received ??= signal);
  process.on("SIGINT", remember).on("SIGTERM", remember);
  try {
    return await work();
  } finally {
    process.off("SIGINT", remember).off("SIGTERM", remember);
    if (received !== undefined) process.kill(process.pid, received);
  }
}

/**
 * Runs `step` until it ends, or until `graceMs` after `deadline` aborted, whichever is first. Answers what went wrong
 * instead of throwing it; undefined is success. A step that goes on after that is left alone.
 */
export async function runBefore(
  deadline: AbortSignal,
  graceMs: number,
  step: (signal: AbortSignal) => Promise<void>,
): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  let startGrace = (): void => undefined;
  const tooLate = new Promise<unknown>((resolve) => {
    startGrace = () => {
      timer = setTimeout(resolve, graceMs, deadline.reason);
    };
    if (deadline.aborted) startGrace();
    else deadline.addEventListener("abort", startGrace, { once: true });
  });
  try {
    return await Promise.race([step(deadline), tooLate]);
  } catch (error) {
    return error ?? new Error("a drain step failed without saying why");
  } finally {
    deadline.removeEventListener("abort", startGrace);
    clearTimeout(timer);
  }
}

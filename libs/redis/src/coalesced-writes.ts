import type { Writable } from "node:stream";

/**
 * ioredis writes each command by itself, which is a system call for us and another one for Redis. Held back to the
 * end of the event loop's turn, the commands of all requests that were served in it leave together.
 */
export function coalesceWrites(stream: Writable): void {
  let corked = false;
  const uncork = (): void => {
    corked = false;
    stream.uncork();
  };
  const write = stream.write.bind(stream) as (...args: unknown[]) => boolean;
  stream.write = (...args: unknown[]): boolean => {
    if (!corked) {
      corked = true;
      stream.cork();
      setImmediate(uncork);
    }
    return write(...args);
  };
}

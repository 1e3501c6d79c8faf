import type { IncomingMessage } from "node:http";

/** A client that sends more than this after it was refused is cut off. */
interface DiscardBound {
  readonly bytes: number;
  readonly timeoutMs: number;
}

const discardedOfBody: DiscardBound = { bytes: 64 * 1_048_576, timeoutMs: 5_000 };
/** Who uploads sends much. */
export const discardedOfUpload: DiscardBound = { bytes: 512 * 1_048_576, timeoutMs: 30_000 };

/**
 * Reads what is left of a refused body, and throws it away. An answer given while the client still sends would be
 * lost with the connection: most clients read only after they have written.
 */
export function discardBody(request: IncomingMessage, bound = discardedOfBody): Promise<void> {
  if (request.complete || request.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    let bytes = 0;
    const stop = (): void => {
      clearTimeout(timer);
      request.off("data", count).off("end", stop).off("close", stop);
      resolve();
    };
    const count = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes > bound.bytes) stop();
    };
    const timer = setTimeout(stop, bound.timeoutMs);
    request.on("data", count).on("end", stop).on("close", stop).resume();
  });
}

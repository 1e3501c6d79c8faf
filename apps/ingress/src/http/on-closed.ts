import type { ServerResponse } from "node:http";

/** Calls `closed` once the response's connection is gone or its answer is complete; soon, where that has happened already. */
export function onClosed(response: ServerResponse, closed: () => void): void {
  if (response.destroyed || response.closed) queueMicrotask(closed);
  else response.once("close", closed);
}

import type { IncomingMessage } from "node:http";
import { RequestError } from "./request-error.js";

export const maxTimeFactor = 1_000;
const loopback = /^(::1$|127\.|::ffff:127\.)/;

/** Checks that a control call comes from this machine: it is a tool of tests, and no server of models has it. */
export function requireLoopback(request: IncomingMessage): void {
  if (!loopback.test(request.socket.remoteAddress ?? ""))
    throw new RequestError(403, "the simulator is controlled from its own machine only");
}

/** Reads the body of `POST /sim/time-factor`. Throws a {@link RequestError}. */
export function parsePace(body: Readonly<Record<string, unknown>>): { factor: number; maxNumSeqs?: number } {
  const { factor, max_num_seqs: maxNumSeqs, ...rest } = body;
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined) throw new RequestError(400, `unknown field: ${unknown}`, unknown);
  if (typeof factor !== "number" || !(factor >= 0.001 && factor <= maxTimeFactor))
    throw new RequestError(400, `factor must be a number from 0.001 to ${maxTimeFactor}`, "factor");
  if (maxNumSeqs === undefined) return { factor };
  if (
    typeof maxNumSeqs !== "number" ||
    !Number.isInteger(maxNumSeqs) ||
    maxNumSeqs < 1 ||
    maxNumSeqs > 100_000
  )
    throw new RequestError(400, "max_num_seqs must be a whole number from 1 to 100000", "max_num_seqs");
  return { factor, maxNumSeqs };
}

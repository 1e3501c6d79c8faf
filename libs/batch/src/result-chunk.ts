import { z } from "zod";
import type { BatchUsage } from "@expert-router/contracts";
import { addUsage, noUsage, type BatchResult } from "./batch-result.js";

/**
 * Results that are written down together: a header line of JSON, then the lines of the output, then those of the error
 * file. The header tells what is in it, so that nobody has to parse the lines to go on behind a crash.
 */
const headerSchema = z.strictObject({
  /** First and last line of each run of lines. */
  lines: z.array(z.tuple([z.int(), z.int()])),
  completed: z.int(),
  failed: z.int(),
  output_bytes: z.int(),
  error_bytes: z.int(),
  usage: z.custom<BatchUsage>((value) => typeof value === "object" && value !== null),
});

/** What a chunk holds, and where. */
export interface ChunkHeader {
  readonly lines: readonly (readonly [first: number, last: number])[];
  readonly completed: number;
  readonly failed: number;
  readonly outputBytes: number;
  readonly errorBytes: number;
  readonly usage: BatchUsage;
  /** Of the header line itself; the output begins there. */
  readonly headerBytes: number;
}

/** A header is longer than this only if we wrote nonsense: 50,000 lines that all lie apart take 700 KB. */
const maxHeaderBytes = 2_000_000;

/** Writes results as one chunk. */
export function encodeChunk(results: readonly BatchResult[]): Uint8Array {
  const part = (name: BatchResult["part"]): Buffer => {
    const lines = results.filter((result) => result.part === name);
    return Buffer.from(lines.map(({ text }) => `${text}\n`).join(""));
  };
  const [output, errors] = [part("output"), part("errors")];
  let usage = noUsage;
  for (const result of results) if (result.usage !== undefined) usage = addUsage(usage, result.usage);
  const completed = results.filter((result) => result.part === "output").length;
  const header: z.infer<typeof headerSchema> = {
    lines: runsOf(results.map(({ line }) => line)),
    completed,
    failed: results.length - completed,
    output_bytes: output.length,
    error_bytes: errors.length,
    usage,
  };
  return Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), output, errors]);
}

/** Reads the header, and no more of the chunk than is needed. @throws Error where there is none */
export async function readChunkHeader(chunk: AsyncIterable<Uint8Array>): Promise<ChunkHeader> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of chunk) {
    const end = piece.indexOf(0x0a);
    pieces.push(end < 0 ? piece : piece.subarray(0, end));
    bytes += piece.length;
    if (end >= 0) return parseHeader(Buffer.concat(pieces));
    if (bytes > maxHeaderBytes) break;
  }
  throw new Error("a chunk of results has no header");
}

function parseHeader(line: Buffer): ChunkHeader {
  const header = headerSchema.parse(JSON.parse(line.toString("utf8")));
  return {
    lines: header.lines,
    completed: header.completed,
    failed: header.failed,
    outputBytes: header.output_bytes,
    errorBytes: header.error_bytes,
    usage: header.usage,
    headerBytes: line.length + 1,
  };
}

/** Numbers as runs of neighbours. */
function runsOf(numbers: readonly number[]): [number, number][] {
  const runs: [number, number][] = [];
  for (const number of [...numbers].sort((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last !== undefined && number === last[1] + 1) last[1] = number;
    else runs.push([number, number]);
  }
  return runs;
}

/** Entry of an encoder's thread: tokenisation, the model's run and pooling, away from the event loop of the process. */
import { parentPort, workerData } from "node:worker_threads";
import { EncoderError } from "./encoder-error.js";
import { EncoderSession } from "./encoder-session.js";
import type { ThreadData, ThreadReply, ThreadRequest } from "./thread-messages.js";

const port = parentPort!;
const { plan, threads } = workerData as ThreadData;

function reply(message: ThreadReply, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}

async function answer(session: EncoderSession, texts: readonly string[]): Promise<void> {
  try {
    const { rows, tokens } = await session.encode(texts);
    reply({ kind: "encoded", rows, tokens }, [rows.buffer as ArrayBuffer]);
  } catch (error) {
    reply({ kind: "failed", message: (error as Error).message });
  }
}

try {
  const session = await EncoderSession.open(plan, threads);
  port.on("message", (request: ThreadRequest) => {
    if (request.kind === "encode") void answer(session, request.texts);
    // Without its port the thread has nothing to wait for, and ends.
    else void session.close().finally(() => port.close());
  });
  reply({ kind: "ready", dimensions: session.dimensions });
} catch (error) {
  if (!(error instanceof EncoderError)) throw error;
  reply({ kind: "unfit", code: error.code, message: error.message });
}

import { connect } from "node:net";

/**
 * Sends one inline command to a Redis on this machine. Answers its reply as the protocol writes it, or undefined if none
 * comes within `timeoutMs`. Start-up needs no client library this way.
 */
export function askRedis(port: number, command: string, timeoutMs = 500): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    let received = "";
    const finish = (answer: string | undefined): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(timeoutMs, () => finish(undefined));
    socket.once("error", () => finish(undefined));
    socket.once("close", () => finish(undefined));
    socket.once("connect", () => socket.write(`${command}\r\n`));
    socket.setEncoding("utf8").on("data", (chunk: string) => {
      received += chunk;
      if (isWhole(received)) finish(received);
    });
  });
}

/** Whether a whole reply (status, error, number, bulk string or array of those) begins at the start of the text. */
function isWhole(received: string): boolean {
  return replyEnd(Buffer.from(received), 0) !== undefined;
}

/** Offset behind the reply that begins at `start`; undefined if it is cut off. */
function replyEnd(bytes: Buffer, start: number): number | undefined {
  const lineEnd = bytes.indexOf("\r\n", start);
  if (lineEnd < 0) return undefined;
  const count = Number(bytes.toString("latin1", start + 1, lineEnd));
  let end: number | undefined = lineEnd + 2;
  if (bytes[start] === 0x24 /* $ */ && count >= 0)
    return end + count + 2 <= bytes.length ? end + count + 2 : undefined;
  if (bytes[start] !== 0x2a /* * */) return end;
  for (let item = 0; item < count && end !== undefined; item++) end = replyEnd(bytes, end);
  return end;
}

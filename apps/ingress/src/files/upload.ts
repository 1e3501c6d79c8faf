import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { Busboy, type BusboyHeaders, type BusboyInstance } from "@fastify/busboy";
import { CodedError, maxFileBytes } from "@expert-router/contracts";
import type { ByteStream } from "@expert-router/file-store";

/** What a form held. */
export interface Upload {
  readonly filename: string;
  readonly bytes: number;
  readonly fields: Readonly<Record<string, string>>;
}

const maxFields = 20;
const maxFieldBytes = 1_024;
const maxFilenameLength = 255;
/** A client that sends nothing for so long is cut off. */
const stalledMs = 60_000;

/**
 * Reads a `multipart/form-data` body with one part `file`, which goes piece by piece to `store`; fields may come before and
 * behind it.
 * @throws CodedError
 */
export async function receiveUpload(
  request: IncomingMessage,
  store: (body: ByteStream) => Promise<void>,
): Promise<Upload> {
  const form = openForm(request);
  const fields: Record<string, string> = {};
  let file: { readonly filename: string; size: number } | undefined;
  let storing: Promise<void> = Promise.resolve();
  let problem: CodedError | undefined;
  const refuse = (error: CodedError): void => void (problem ??= error);

  form.on("field", (name, value, nameTruncated, valueTruncated) => {
    if (nameTruncated || valueTruncated)
      refuse(invalid(`a field of the form is longer than ${maxFieldBytes} bytes`));
    else fields[name] = value;
  });
  const whole = finished(request, form);
  form.on("file", (name, stream, filename) => {
    // A part that the body does not end; heard here, because nobody may be reading it yet.
    const unended = new CodedError("invalid_request", "The form ends inside a file.");
    let thrown: Error | undefined;
    stream.on("error", (error: Error) => {
      thrown ??= error;
      stream.destroy(unended);
    });
    if (name !== "file")
      refuse(invalid(`the form holds a file named '${name.slice(0, 64)}'; expected 'file'`));
    if (problem !== undefined || file !== undefined) return void stream.resume();
    const received = { filename: filename || "upload", size: 0 };
    file = received;
    whole.onCutOff((error) => stream.destroy(error));
    storing = store(counted(stream, received));
    storing.catch((error: Error) => whole.giveUp(error === thrown ? unended : error));
  });
  form.on("filesLimit", () => refuse(invalid("the form holds more than one file")));
  form.on("fieldsLimit", () => refuse(invalid(`the form holds more than ${maxFields} fields`)));
  try {
    await whole.read;
  } catch (error) {
    await storing.catch(() => undefined);
    throw error;
  }
  await storing;
  if (problem !== undefined) throw problem;
  if (file === undefined)
    throw new CodedError("missing_required_parameter", "Missing required parameter: 'file'.", {
      param: "file",
    });
  return { filename: file.filename.slice(0, maxFilenameLength), bytes: file.size, fields };
}

/** Refuses what is no form, and what is too large by its own word. @throws CodedError */
export function checkUpload({ headers }: IncomingMessage): void {
  if (headers["content-type"]?.startsWith("multipart/form-data") !== true) {
    const message = "The request body must be sent as 'content-type: multipart/form-data'.";
    throw new CodedError("unsupported_media_type", message);
  }
  // The rest of the form is small.
  if (Number(headers["content-length"]) > maxFileBytes + 65_536) throw fileTooLarge();
}

function openForm(request: IncomingMessage): BusboyInstance {
  try {
    return new Busboy({
      headers: request.headers as BusboyHeaders,
      // One byte more tells a file that is too large from one that is just not.
      limits: {
        fileSize: maxFileBytes + 1,
        files: 1,
        fields: maxFields,
        fieldSize: maxFieldBytes,
        parts: maxFields + 2,
      },
    });
  } catch (cause) {
    throw new CodedError("invalid_request", "The form could not be understood: its boundary is missing.", {
      cause,
    });
  }
}

/** Feeds `form`; `read` resolves when the whole form was read. After `giveUp` what is left of the body is the caller's. */
function finished(
  request: IncomingMessage,
  form: BusboyInstance,
): {
  readonly read: Promise<void>;
  readonly giveUp: (error: Error) => void;
  readonly onCutOff: (listener: (error: Error) => void) => void;
} {
  const { promise: read, resolve, reject } = withResolvers();
  const giveUp = (error: Error): void => {
    request.unpipe(form);
    reject(error);
  };
  form.once("finish", resolve);
  form.on("error", () => giveUp(new CodedError("invalid_request", "The form could not be understood.")));
  request.once("close", () => {
    if (request.complete) return;
    giveUp(cutOff());
  });
  request.setTimeout(stalledMs, () => request.destroy());
  request.pipe(form);
  // Whatever reads the file must not wait for the rest, nor take its beginning for the whole.
  const onCutOff = (listener: (error: Error) => void): void => void read.catch(listener);
  return { read, giveUp, onCutOff };
}

function cutOff(): CodedError {
  return new CodedError("invalid_request", "The upload was cut off.");
}

/** `Promise.withResolvers` of newer Nodes. */
function withResolvers(): {
  promise: Promise<void>;
  resolve: () => void;
  reject: (error: Error) => void;
} {
  let resolve = (): void => {};
  let reject = (_error: Error): void => {};
  const promise = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

async function* counted(stream: Readable, received: { size: number }): ByteStream {
  for await (const piece of stream as AsyncIterable<Buffer>) {
    received.size += piece.length;
    if (received.size > maxFileBytes) throw fileTooLarge();
    yield piece;
  }
}

function fileTooLarge(): CodedError {
  const message = `The file is larger than ${maxFileBytes / 1_048_576} MB.`;
  return new CodedError("file_too_large", message, { param: "file" });
}

function invalid(what: string): CodedError {
  return new CodedError("invalid_request", `Invalid upload: ${what}.`);
}

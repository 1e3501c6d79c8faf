import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
  type GetObjectCommandOutput,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { Readable } from "node:stream";
import {
  assertKey,
  FileStoreUnavailable,
  type ByteStream,
  type FileStore,
  type StoredObject,
} from "./file-store.js";

/** Where the objects are. */
export interface S3Settings {
  readonly bucket: string;
  readonly region: string;
  /** Of another server than Amazon's. */
  readonly endpoint?: string | undefined;
  /** In front of all keys. */
  readonly prefix?: string | undefined;
  /** The bucket is a part of the path, not of the host name. */
  readonly pathStyle?: boolean | undefined;
  /** Left out, the SDK looks where it always looks: profiles, the role of the machine. */
  readonly credentials?:
    | { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string }
    | undefined;
}

/** Of a multi-part upload; at most 10,000 parts. Three parts are in memory at a time. */
const partBytes = 5 * 1_048_576;
const partsAtOnce = 2;
/** Bytes that are asked for at once; each reader holds as many in memory. */
const rangeBytes = 4 * 1_048_576;
/** So often the connection may break within one range; it goes on at the byte where it broke. */
const maxBreaks = 4;
const requestTimeoutMs = 30_000;

/**
 * {@link FileStore} in an S3 bucket. The server must know conditional writes (`If-None-Match: *`), as Amazon S3, MinIO, Ceph and
 * Cloudflare R2 do.
 */
export class S3Store implements FileStore {
  private readonly client: S3Client;

  constructor(private readonly settings: S3Settings) {
    this.client = new S3Client({
      region: settings.region,
      ...(settings.endpoint !== undefined && { endpoint: settings.endpoint }),
      ...(settings.credentials !== undefined && { credentials: settings.credentials }),
      forcePathStyle: settings.pathStyle ?? false,
      maxAttempts: 4,
      requestHandler: {
        connectionTimeout: 5_000,
        requestTimeout: requestTimeoutMs,
        // Without a byte of an answer that has begun.
        socketTimeout: requestTimeoutMs,
        throwOnRequestTimeout: true,
      },
      // Not every server knows the checksums that newer clients send unasked.
      requestChecksumCalculation: "WHEN_REQUIRED",
      responseChecksumValidation: "WHEN_REQUIRED",
    });
  }

  async put(key: string, body: ByteStream): Promise<void> {
    const source = Readable.from(body, { objectMode: false });
    // Its own failure must not be hidden behind that of the upload.
    let failure: Error | undefined;
    source.once("error", (error) => (failure = error));
    const upload = new Upload({
      client: this.client,
      params: { ...this.place(key), Body: source },
      partSize: partBytes,
      queueSize: partsAtOnce,
    });
    try {
      await upload.done();
    } catch (error) {
      await upload.abort().catch(() => undefined);
      throw failure ?? unavailable(error);
    }
  }

  async create(key: string, body: Uint8Array): Promise<boolean> {
    // A try whose answer was lost may have been the one that stored it; then the object is ours by its content.
    try {
      await this.client.send(new PutObjectCommand({ ...this.place(key), Body: body, IfNoneMatch: "*" }));
      return true;
    } catch (error) {
      const status = statusOf(error);
      if (status !== 412 && status !== 409) throw unavailable(error);
      const retried = ((error as S3ServiceException).$metadata.attempts ?? 1) > 1;
      return retried && (await this.holds(key, body));
    }
  }

  /** A reader may take hours, so no connection is open while it does something else: ranges are read one by one, each as a whole. */
  async read(
    key: string,
    { offset = 0, length = Infinity }: { readonly offset?: number; readonly length?: number } = {},
  ): Promise<ByteStream | undefined> {
    if (length === 0) return (await this.stat(key)) && nothing();
    const end = offset + length;
    const place = this.place(key);
    try {
      return this.rest(place, end, await this.range(place, offset, Math.min(end, offset + rangeBytes)));
    } catch (error) {
      if (isMissing(error)) return undefined;
      // Nothing is behind the end.
      if (statusOf(error) === 416) return nothing();
      throw unavailable(error);
    }
  }

  async stat(key: string): Promise<StoredObject | undefined> {
    const place = this.place(key);
    try {
      const head = await this.client.send(new HeadObjectCommand(place));
      return { bytes: head.ContentLength ?? 0, modifiedAtMs: head.LastModified?.getTime() ?? 0 };
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw unavailable(error);
    }
  }

  async delete(key: string): Promise<void> {
    try {
      await this.client.send(new DeleteObjectCommand(this.place(key)));
    } catch (error) {
      if (!isMissing(error)) throw unavailable(error);
    }
  }

  async *list(folder: string, after = ""): AsyncIterable<string> {
    const { Bucket, Key } = this.place(folder);
    const prefix = `${Key}/`;
    let token: string | undefined;
    do {
      const page = await this.client
        .send(
          new ListObjectsV2Command({
            Bucket,
            Prefix: prefix,
            Delimiter: "/",
            // Only from there on; folders begin a little later than their names.
            ...(after !== "" && token === undefined && { StartAfter: `${prefix}${after}` }),
            ...(token !== undefined && { ContinuationToken: token }),
          }),
        )
        .catch((error: unknown) => {
          throw unavailable(error);
        });
      const folders = (page.CommonPrefixes ?? []).map((each) => each.Prefix!.slice(prefix.length, -1));
      const objects = (page.Contents ?? []).map((each) => each.Key!.slice(prefix.length));
      const names = [...folders, ...objects].filter((name) => name > after);
      yield* names.sort((a, b) => (a < b ? -1 : 1));
      token = page.NextContinuationToken;
    } while (token !== undefined);
  }

  close(): void {
    this.client.destroy();
  }

  /** `range` and all that is behind it, up to `end`. */
  private async *rest(place: ObjectPlace, end: number, range: ObjectRange): ByteStream {
    for (;;) {
      // What was handed out is not kept.
      for (let piece = range.pieces.shift(); piece !== undefined; piece = range.pieces.shift()) yield piece;
      const { end: at, etag, objectBytes } = range;
      if (at >= Math.min(end, objectBytes)) return;
      try {
        range = await this.range(place, at, Math.min(end, at + rangeBytes), etag);
      } catch (error) {
        throw unavailable(error);
      }
    }
  }

  /** The bytes from `at` on, up to `end` or the end of the object, all from one object: that with `etag`, or the one that is there first. */
  private async range(place: ObjectPlace, at: number, end: number, etag?: string): Promise<ObjectRange> {
    const pieces: Uint8Array[] = [];
    for (let breaks = 0; ;) {
      const answer = await this.client.send(
        new GetObjectCommand({
          ...place,
          Range: `bytes=${at}-${end - 1}`,
          ...(etag !== undefined && { IfMatch: etag }),
        }),
      );
      etag ??= answer.ETag;
      const objectBytes = sizeOf(answer, at, end);
      const last = Math.min(end, objectBytes);
      let failure: unknown = new RangeError("the server sent less than was asked for");
      try {
        for await (const piece of answer.Body as Readable as AsyncIterable<Buffer>) {
          pieces.push(piece);
          at += piece.length;
        }
      } catch (error) {
        failure = error;
      }
      if (at > last) throw new RangeError("the server sent more than was asked for");
      if (at === last) return { pieces, end: at, objectBytes, etag };
      if (++breaks === maxBreaks) throw failure;
    }
  }

  private async holds(key: string, body: Uint8Array): Promise<boolean> {
    const found = await this.read(key);
    if (found === undefined) return false;
    const pieces: Uint8Array[] = [];
    for await (const piece of found) pieces.push(piece);
    return Buffer.concat(pieces).equals(body);
  }

  private place(key: string): ObjectPlace {
    assertKey(key);
    const { bucket, prefix = "" } = this.settings;
    return { Bucket: bucket, Key: `${prefix}${key}` };
  }
}

interface ObjectPlace {
  readonly Bucket: string;
  readonly Key: string;
}

/** A part of an object, and where the next one begins. */
interface ObjectRange {
  readonly pieces: Uint8Array[];
  readonly end: number;
  readonly objectBytes: number;
  readonly etag: string | undefined;
}

/** Bytes of the whole object that an answer is a part of. */
function sizeOf(
  { ContentRange, ContentLength = 0, Body }: GetObjectCommandOutput,
  from: number,
  end: number,
): number {
  const found = /^bytes (\d+)-\d+\/(\d+)$/.exec(ContentRange ?? "");
  if (found !== null && Number(found[1]) === from) return Number(found[2]);
  // Some answer with all of it where all of it was asked for.
  if (ContentRange === undefined && from === 0 && ContentLength <= end) return ContentLength;
  (Body as Readable).destroy();
  throw new RangeError("the server does not read ranges");
}

async function* nothing(): ByteStream {}

function isMissing(error: unknown): boolean {
  return error instanceof S3ServiceException && (error.name === "NoSuchKey" || error.name === "NotFound");
}

function statusOf(error: unknown): number | undefined {
  return error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
}

/** The SDK's errors hang on to the whole connection, so only their words are kept. */
function unavailable(error: unknown): FileStoreUnavailable {
  const { name, message } = error instanceof Error ? error : { name: "unknown", message: String(error) };
  return new FileStoreUnavailable(`the S3 store failed: ${name}: ${message}`);
}

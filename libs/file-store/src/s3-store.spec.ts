import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { FileStoreUnavailable, type ByteStream } from "./file-store.js";
import { S3Store } from "./s3-store.js";
import { fileStoreConformance } from "./testing/file-store-conformance.js";
import { startS3, type TestS3 } from "./testing/s3-server.js";
import { watchS3, type S3Watch } from "./testing/s3-watch.js";

let s3: TestS3;
let store: S3Store;
beforeAll(async () => {
  s3 = await startS3();
  store = new S3Store(s3.settings);
});
afterAll(async () => {
  store.close();
  await s3.stop();
});

describe("S3Store", () => {
  fileStoreConformance(() => store);

  it("says that nobody answers", async () => {
    const away = new S3Store({ ...s3.settings, endpoint: "http://127.0.0.1:1" });
    await expect(away.stat("a")).rejects.toBeInstanceOf(FileStoreUnavailable);
    await expect(away.create("a", Buffer.from("x"))).rejects.toBeInstanceOf(FileStoreUnavailable);
    away.close();
  });

  it("tells a bucket that is not there from an object that is not there", async () => {
    const wrong = new S3Store({ ...s3.settings, bucket: "other" });
    await expect(wrong.read("a")).rejects.toBeInstanceOf(FileStoreUnavailable);
    wrong.close();
  });
});

describe("a reader of S3", () => {
  const range = 4 * 1_048_576;
  const bytes = 2 * range + 1_000_000;
  const content = Buffer.from(Uint32Array.from({ length: bytes / 4 }, (_, i) => i).buffer);
  let watch: S3Watch;
  let watched: S3Store;
  beforeAll(async () => {
    await store.put("long", pieces(content));
    watch = await watchS3(s3.settings);
    watched = new S3Store(watch.settings);
  });
  beforeEach(() => void watch.reads.splice(0));
  afterAll(async () => {
    watched.close();
    await watch.stop();
  });

  const ranges = (): unknown[] => watch.reads.map((headers) => headers["range"]);

  it("asks for one range after the other, all of one object", async () => {
    expect((await all(await watched.read("long"))).equals(content)).toBe(true);
    expect(ranges()).toEqual([
      `bytes=0-${range - 1}`,
      `bytes=${range}-${2 * range - 1}`,
      `bytes=${2 * range}-${3 * range - 1}`,
    ]);
    const [first, ...others] = watch.reads.map((headers) => headers["if-match"]);
    expect(first).toBeUndefined();
    expect(others).toEqual([expect.stringMatching(/./), others[0]]);
  });

  it("asks for no more than it was asked for", async () => {
    const read = await watched.read("long", { offset: 8, length: range + 4 });
    expect((await all(read)).equals(content.subarray(8, range + 12))).toBe(true);
    expect(ranges()).toEqual([`bytes=8-${range + 7}`, `bytes=${range + 8}-${range + 11}`]);
  });

  it("holds no connection while its bytes are used, and asks for nothing more once they are not wanted", async () => {
    for await (const piece of (await watched.read("long"))!) {
      expect(piece.length).toBeGreaterThan(0);
      await expect.poll(() => watch.underWay).toBe(0);
      break;
    }
    expect(ranges()).toHaveLength(1);
  });

  it("goes on at the byte where the connection broke", async () => {
    watch.cutNext(3, 500_000);
    expect((await all(await watched.read("long"))).equals(content)).toBe(true);
    expect(ranges().slice(0, 4)).toEqual(
      [0, 500_000, 1_000_000, 1_500_000].map((at) => `bytes=${at}-${range - 1}`),
    );
    expect(watch.reads).toHaveLength(6);
  });

  it("says that no byte comes", async () => {
    watch.cutNext(100, 0);
    await expect(watched.read("long")).rejects.toBeInstanceOf(FileStoreUnavailable);
    expect(watch.reads.length).toBeLessThan(20);
    watch.cutNext(0, 0);
    const read = async (): Promise<void> => {
      for await (const _ of (await watched.read("long"))!) watch.cutNext(100, 0);
    };
    await expect(read()).rejects.toBeInstanceOf(FileStoreUnavailable);
    watch.cutNext(0, 0);
  });
});

async function* pieces(content: Buffer): ByteStream {
  for (let at = 0; at < content.length; at += 65_536) yield content.subarray(at, at + 65_536);
}

async function all(read: ByteStream | undefined): Promise<Buffer> {
  const found: Uint8Array[] = [];
  for await (const piece of read!) found.push(piece);
  return Buffer.concat(found);
}

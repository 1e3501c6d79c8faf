import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FileStoreUnavailable } from "./file-store.js";
import { S3Store } from "./s3-store.js";
import { fileStoreConformance } from "./testing/file-store-conformance.js";
import { startS3, type TestS3 } from "./testing/s3-server.js";

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

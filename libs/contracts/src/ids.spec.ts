import { describe, expect, it } from "vitest";
import {
  batchFileId,
  batchRequestId,
  isBatchId,
  isFileId,
  isRequestId,
  newBatchId,
  newFileId,
} from "./ids.js";

describe("ids of a batch", () => {
  it("are one for each line, the same every time, and requests like others", () => {
    const batch = newBatchId();
    const ids = Array.from({ length: 50_000 }, (_, i) => batchRequestId(batch, i + 1));
    expect(new Set(ids).size).toBe(50_000);
    expect(ids.every(isRequestId)).toBe(true);
    expect(batchRequestId(batch, 31_337)).toBe(ids[31_336]);
  });

  it("differ between batches of one millisecond", () => {
    const firstLines = Array.from({ length: 1_000 }, () => batchRequestId(newBatchId(), 1));
    expect(new Set(firstLines).size).toBe(1_000);
  });

  it("never meet the files that the batch writes", () => {
    const batch = newBatchId();
    const files = [batchFileId(batch, "output"), batchFileId(batch, "errors")];
    expect(files.every(isFileId)).toBe(true);
    expect(new Set(files).size).toBe(2);
  });

  it("know their form", () => {
    expect(isFileId(newFileId()) && isBatchId(newBatchId())).toBe(true);
    for (const id of ["", "file-abc", "file-../../../../../etc/passwd", `batch_${newFileId()}`])
      expect(isFileId(id) || isBatchId(id), id).toBe(false);
  });
});

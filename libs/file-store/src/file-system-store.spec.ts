import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { FileStoreUnavailable } from "./file-store.js";
import { FileSystemStore } from "./file-system-store.js";
import { fileStoreConformance } from "./testing/file-store-conformance.js";

const folder = mkdtempSync(join(tmpdir(), "expert-router-files-"));
const store = new FileSystemStore(folder);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("FileSystemStore", () => {
  fileStoreConformance(() => store);

  it("leaves no temporary file behind", () => {
    expect(readdirSync(join(folder, "temporary"))).toEqual([]);
  });

  it("removes what a process left that died while it wrote, and nothing that may still be written", async () => {
    const paths = ["old", "new"].map((name) => join(folder, "temporary", name));
    for (const path of paths) writeFileSync(path, "x");
    utimesSync(paths[0]!, 0, 0);
    await store.removeAbandoned();
    expect(readdirSync(join(folder, "temporary"))).toEqual(["new"]);
    rmSync(paths[1]!);
  });

  it("survives others who empty the folder it writes to", async () => {
    await Promise.all(
      Array.from({ length: 200 }, async (_, i) => {
        await store.create(`shared/${i % 3}/${i}`, Buffer.from("x"));
        await store.delete(`shared/${i % 3}/${i}`);
      }),
    );
    expect(await store.stat("shared/0/0")).toBeUndefined();
  });

  it("says that it cannot write", async () => {
    writeFileSync(join(folder, "file"), "");
    const broken = new FileSystemStore(join(folder, "file"));
    await expect(broken.create("a", Buffer.from("x"))).rejects.toBeInstanceOf(FileStoreUnavailable);
  });
});

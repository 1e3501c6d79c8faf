import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { ArtifactWatch } from "./artifact-watch.js";

let root: string;
let folder: string;
let watch: ArtifactWatch;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "artifact-watch-"));
  folder = join(root, "router");
  await mkdir(folder);
  await writeFile(join(folder, "router.json"), "{}");
  watch = new ArtifactWatch(folder);
  await watch.start();
});
afterEach(() => rm(root, { recursive: true }));

it("tells a folder that was put in the place of the old one, once", async () => {
  expect([await watch.hasChanged(), await watch.hasChanged()]).toEqual([false, false]);
  await mkdir(join(root, "new"));
  await writeFile(join(root, "new/router.json"), "{}");
  await rename(folder, join(root, "old"));
  expect(await watch.hasChanged()).toBe(false);
  await rename(join(root, "new"), folder);
  expect([await watch.hasChanged(), await watch.hasChanged(), await watch.hasChanged()]).toEqual([
    false,
    true,
    false,
  ]);
});

it("waits until files that are being written stand still", async () => {
  const seen: boolean[] = [];
  for (const text of ["1", "12", "123"]) {
    await writeFile(join(folder, "router.onnx"), text);
    seen.push(await watch.hasChanged());
  }
  expect(seen).toEqual([false, false, false]);
  expect(await watch.hasChanged()).toBe(true);
});

it("looks into subfolders too", async () => {
  await mkdir(join(folder, "encoder/onnx"), { recursive: true });
  await writeFile(join(folder, "encoder/onnx/model.onnx"), "1");
  await watch.start();
  await writeFile(join(folder, "encoder/onnx/model.onnx"), "12");
  expect([await watch.hasChanged(), await watch.hasChanged()]).toEqual([false, true]);
});

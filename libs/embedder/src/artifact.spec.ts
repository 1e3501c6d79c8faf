import { cp, lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { trainOnLabels, type RouterManifest } from "@expert-router/classifier";
import { artifactVersion } from "./artifact-version.js";
import { Classifier } from "./classifier.js";
import { readArtifact } from "./read-artifact.js";
import { samplePrompts } from "./sample-prompts.fixture.js";
import { writeArtifact } from "./write-artifact.js";

let root: string;
let good: string;
const trained = trainOnLabels(samplePrompts(), { seed: 1 });

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "router-artifact-"));
  good = join(root, "good");
  await writeArtifact(good, trained);
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** A copy of the good artifact with one file changed. */
async function broken(
  name: string,
  file: string,
  change: (bytes: Uint8Array) => Uint8Array | string,
): Promise<string> {
  const dir = join(root, name);
  await cp(good, dir, { recursive: true });
  await writeFile(join(dir, file), change(await readFile(join(dir, file))));
  return dir;
}

describe("writeArtifact", () => {
  it("writes the same bytes again and leaves nothing beside the folder", async () => {
    const again = join(root, "nested", "again");
    await writeArtifact(again, trained);
    await writeArtifact(again, trained);
    expect(await readdir(join(root, "nested"))).toEqual(["again"]);
    expect((await readdir(again)).sort()).toEqual(["router.json", "router.onnx", "vocabulary.bin"]);
    for (const name of await readdir(again))
      expect(await readFile(join(again, name))).toEqual(await readFile(join(good, name)));
  });

  it("keeps what was there when it cannot write", async () => {
    const file = join(root, "a-file");
    await writeFile(file, "precious");
    await expect(writeArtifact(join(file, "below"), trained)).rejects.toThrow(/ENOTDIR|EEXIST/);
    expect(await readFile(file, "utf8")).toBe("precious");
  });
});

describe("the place of an artifact", () => {
  it("may be a link, which stays one", async () => {
    const real = join(root, "real");
    const link = join(root, "link");
    await mkdir(real);
    await symlink(real, link);
    await writeArtifact(link, trained);
    expect((await lstat(link)).isSymbolicLink()).toBe(true);
    expect(await readdir(real)).toContain("router.json");
  });

  it("is told where the link leads nowhere, which stays as it is", async () => {
    const link = join(root, "dangling");
    await symlink(join(root, "nothing"), link);
    await expect(writeArtifact(link, trained)).rejects.toMatchObject({ code: "artifact_unwritable" });
    expect((await lstat(link)).isSymbolicLink()).toBe(true);
  });

  it.runIf(process.platform === "linux")("is told where no folder can be made", async () => {
    await expect(writeArtifact("/proc/none/below", trained)).rejects.toThrow(/ENOENT/);
  });
});

describe("readArtifact", () => {
  it("says how an artifact is broken", async () => {
    const flip = (bytes: Uint8Array): Uint8Array => bytes.map((byte, at) => (at === 40 ? byte ^ 1 : byte));
    const cases: [string, Promise<string>, RegExp][] = [
      [
        "artifact_missing",
        Promise.resolve(join(root, "nowhere")),
        /no router artifact at .*nowhere: router.json cannot be read/,
      ],
      ["artifact_invalid", broken("not-json", "router.json", () => "{"), /router.json is not JSON/],
      [
        "artifact_corrupt",
        broken("short", "router.onnx", (bytes) => bytes.subarray(1)),
        /router.onnx has \d+ bytes, router.json says \d+/,
      ],
      ["artifact_corrupt", broken("flipped", "vocabulary.bin", flip), /vocabulary.bin hashes to/],
      [
        "artifact_unsupported",
        broken("newer", "router.json", (bytes) =>
          new TextDecoder().decode(bytes).replace('"format": 2', '"format": 3'),
        ),
        /train again/,
      ],
      [
        "artifact_corrupt",
        broken("renamed", "router.json", (bytes) =>
          new TextDecoder().decode(bytes).replace(/"version": "[^"]+"/, '"version": "mine"'),
        ),
        /calls itself mine, but its content is tfidf-linear-/,
      ],
      [
        "artifact_corrupt",
        broken("shortened", "router.json", (bytes) =>
          new TextDecoder().decode(bytes).replace(/"max_chars": \d+/, '"max_chars": 100'),
        ),
        /but its content is tfidf-linear-/,
      ],
    ];
    for (const [code, dir, message] of cases) {
      const error = await readArtifact(await dir).then(
        () => undefined,
        (thrown: Error) => thrown,
      );
      expect(error, code).toMatchObject({ code });
      expect(error!.message).toMatch(message);
    }
  });

  it("misses a file that the manifest names", async () => {
    const dir = join(root, "incomplete");
    await mkdir(dir);
    await cp(join(good, "router.json"), join(dir, "router.json"));
    await expect(readArtifact(dir)).rejects.toMatchObject({ code: "artifact_missing" });
  });

  it("does not trust a model that only hashes right", async () => {
    const dir = join(root, "hollow");
    await cp(good, dir, { recursive: true });
    const hollow = Buffer.alloc(64);
    const { createHash } = await import("node:crypto");
    const manifest = JSON.parse(await readFile(join(dir, "router.json"), "utf8")) as RouterManifest;
    manifest.files["router.onnx"] = {
      sha256: createHash("sha256").update(hollow).digest("hex"),
      bytes: hollow.length,
    };
    await writeFile(join(dir, "router.onnx"), hollow);
    const version = artifactVersion(manifest);
    await writeFile(join(dir, "router.json"), JSON.stringify({ ...manifest, version }));
    await expect(Classifier.load(dir)).rejects.toThrow(/router.onnx of .*hollow is not a model/);
  });
});

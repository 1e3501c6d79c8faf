import { createHash } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import {
  artifactFiles,
  artifactFormat,
  decodeVocabulary,
  encodeVocabulary,
  formatManifest,
  manifestFile,
  maxClassifiedChars,
  parseManifest,
  RouterError,
  type RouterManifest,
  type TrainedRouter,
  type Vocabulary,
} from "@expert-router/classifier";
import { encodeRouterGraph } from "./router-graph.js";

/** A verified artifact in memory. */
export interface RouterArtifact {
  readonly manifest: RouterManifest;
  readonly vocabulary: Vocabulary;
  readonly model: Uint8Array;
}

const sha256 = (bytes: Uint8Array | string): string => createHash("sha256").update(bytes).digest("hex");

/**
 * Writes a trained router as an artifact folder. The folder appears, or replaces the one that was there, only
 * once every byte is written; nothing is left behind on failure.
 */
export async function writeArtifact(dir: string, router: TrainedRouter): Promise<RouterManifest> {
  const contents = {
    "router.onnx": encodeRouterGraph(router.head, "expert-router"),
    "vocabulary.bin": encodeVocabulary(router.vocabulary),
  };
  const files = {
    "router.onnx": { sha256: sha256(contents["router.onnx"]), bytes: contents["router.onnx"].length },
    "vocabulary.bin": {
      sha256: sha256(contents["vocabulary.bin"]),
      bytes: contents["vocabulary.bin"].length,
    },
  };
  const names = router.classes.map((of) => of.name);
  const digest = sha256(
    JSON.stringify([artifactFormat, names, files["router.onnx"].sha256, files["vocabulary.bin"].sha256]),
  );
  const manifest: RouterManifest = {
    format: artifactFormat,
    version: `tfidf-${router.head.kind}-${digest.slice(0, 12)}`,
    embedder: { kind: "tfidf", features: router.vocabulary.size, max_chars: maxClassifiedChars },
    head: { kind: router.head.kind },
    experts: [...router.classes],
    training: router.training,
    files,
  };
  await replaceFolder(dir, { ...contents, [manifestFile]: formatManifest(manifest) });
  return manifest;
}

async function replaceFolder(dir: string, contents: Record<string, Uint8Array | string>): Promise<void> {
  const beside = join(dirname(dir), `.${basename(dir)}.${process.pid}`);
  const fresh = `${beside}.new`;
  const old = `${beside}.old`;
  try {
    await mkdir(fresh, { recursive: true });
    for (const [name, content] of Object.entries(contents)) await writeFile(join(fresh, name), content);
    const replaced = await rename(dir, old).then(() => true, ignoreMissing);
    try {
      await rename(fresh, dir);
    } catch (error) {
      if (replaced) await rename(old, dir);
      throw error;
    }
  } finally {
    await rm(fresh, { recursive: true, force: true });
    await rm(old, { recursive: true, force: true });
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): false {
  if (error.code === "ENOENT") return false;
  throw error;
}

/**
 * Reads and verifies the artifact in `dir`.
 * @throws RouterError `artifact_missing`, `artifact_invalid`, `artifact_unsupported` or `artifact_corrupt`, naming the file.
 */
export async function readArtifact(dir: string): Promise<RouterArtifact> {
  const manifest = parseManifest((await readArtifactFile(dir, manifestFile)).toString("utf8"));
  const [model, vocabularyBytes] = await Promise.all(
    artifactFiles.map(async (name) => {
      const bytes = await readArtifactFile(dir, name);
      const { sha256: expected, bytes: size } = manifest.files[name];
      if (bytes.length !== size)
        throw new RouterError(
          "artifact_corrupt",
          `${join(dir, name)} has ${bytes.length} bytes, ${manifestFile} says ${size}`,
        );
      const actual = sha256(bytes);
      if (actual !== expected)
        throw new RouterError(
          "artifact_corrupt",
          `${join(dir, name)} hashes to ${actual}, ${manifestFile} says ${expected}`,
        );
      return bytes;
    }),
  );
  const vocabulary = decodeVocabulary(vocabularyBytes!);
  if (vocabulary.size !== manifest.embedder.features) {
    throw new RouterError(
      "artifact_corrupt",
      `${join(dir, "vocabulary.bin")} holds ${vocabulary.size} features, ${manifestFile} says ${manifest.embedder.features}`,
    );
  }
  return { manifest, vocabulary, model: model! };
}

async function readArtifactFile(dir: string, name: string): Promise<Buffer> {
  try {
    return await readFile(join(dir, name));
  } catch (cause) {
    const hint = name === manifestFile ? "; 'expert-router train' makes one" : "";
    throw new RouterError(
      "artifact_missing",
      `no router artifact at ${dir}: ${name} cannot be read (${(cause as Error).message})${hint}`,
      { cause },
    );
  }
}

import { createHash } from "node:crypto";
import { copyFile, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import {
  artifactFiles,
  artifactFormat,
  decodeVocabulary,
  encoderFolder,
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
  /** Folder of the sentence encoder, if the router has one. */
  readonly encoderDir: string | undefined;
}

/** The sentence encoder that a router was trained with; its files are copied into the artifact. */
export interface ArtifactEncoder {
  readonly dir: string;
  readonly dimensions: number;
  readonly maxTokens: number;
  readonly model: {
    readonly name: string;
    readonly files: readonly { readonly name: string; readonly sha256: string; readonly bytes: number }[];
  };
}

const sha256 = (bytes: Uint8Array | string): string => createHash("sha256").update(bytes).digest("hex");

/**
 * Writes a trained router as an artifact folder. The folder appears, or replaces the one that was there, only
 * once every byte is written; nothing is left behind on failure.
 */
export async function writeArtifact(
  dir: string,
  router: TrainedRouter,
  encoder?: ArtifactEncoder,
): Promise<RouterManifest> {
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
  const kind = encoder === undefined ? "tfidf" : "onnx";
  const encoderFiles = encoder?.model.files.map(({ name, sha256: of, bytes }) => ({
    name,
    sha256: of,
    bytes,
  }));
  const digest = sha256(
    JSON.stringify([
      artifactFormat,
      names,
      files["router.onnx"].sha256,
      files["vocabulary.bin"].sha256,
      ...(encoderFiles ?? []).map((file) => file.sha256),
    ]),
  );
  const manifest: RouterManifest = {
    format: artifactFormat,
    version: `${kind}-${router.head.kind}-${digest.slice(0, 12)}`,
    embedder: {
      kind,
      features: router.vocabulary.size,
      max_chars: maxClassifiedChars,
      ...(encoder && {
        encoder: {
          name: encoder.model.name,
          dimensions: encoder.dimensions,
          max_tokens: encoder.maxTokens,
          files: encoderFiles!,
        },
      }),
    },
    head: { kind: router.head.kind },
    experts: [...router.classes],
    training: router.training,
    files,
  };
  await replaceFolder(dir, { ...contents, [manifestFile]: formatManifest(manifest) }, encoder);
  return manifest;
}

async function replaceFolder(
  dir: string,
  contents: Record<string, Uint8Array | string>,
  encoder: ArtifactEncoder | undefined,
): Promise<void> {
  const beside = join(dirname(dir), `.${basename(dir)}.${process.pid}`);
  const fresh = `${beside}.new`;
  const old = `${beside}.old`;
  try {
    await mkdir(fresh, { recursive: true });
    for (const [name, content] of Object.entries(contents)) await writeFile(join(fresh, name), content);
    for (const { name } of encoder?.model.files ?? []) {
      const to = join(fresh, encoderFolder, name);
      await mkdir(dirname(to), { recursive: true });
      await copyFile(join(encoder!.dir, name), to);
    }
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
  const { encoder } = manifest.embedder;
  const [model, vocabularyBytes] = await Promise.all(
    artifactFiles.map(async (name) => readVerified(dir, name, manifest.files[name])),
  );
  if (encoder !== undefined && !encoder.files.some(({ name }) => name === encoder.name))
    throw new RouterError(
      "artifact_invalid",
      `${manifestFile} names the encoder's model ${encoder.name}, which is none of its files`,
    );
  for (const { name, ...expected } of encoder?.files ?? []) {
    if (name.split(/[\\/]/).includes("..") || name.startsWith("/"))
      throw new RouterError("artifact_invalid", `${manifestFile} names ${name}, which lies outside`);
    await readVerified(dir, join(encoderFolder, name), expected);
  }
  const vocabulary = decodeVocabulary(vocabularyBytes!);
  if (vocabulary.size !== manifest.embedder.features) {
    throw new RouterError(
      "artifact_corrupt",
      `${join(dir, "vocabulary.bin")} holds ${vocabulary.size} features, ${manifestFile} says ${manifest.embedder.features}`,
    );
  }
  return { manifest, vocabulary, model: model!, encoderDir: encoder && join(dir, encoderFolder) };
}

/** The bytes of a file, which must be those that the manifest speaks of. */
async function readVerified(
  dir: string,
  name: string,
  expected: { readonly sha256: string; readonly bytes: number },
): Promise<Buffer> {
  const bytes = await readArtifactFile(dir, name);
  if (bytes.length !== expected.bytes)
    throw new RouterError(
      "artifact_corrupt",
      `${join(dir, name)} has ${bytes.length} bytes, ${manifestFile} says ${expected.bytes}`,
    );
  const actual = sha256(bytes);
  if (actual !== expected.sha256)
    throw new RouterError(
      "artifact_corrupt",
      `${join(dir, name)} hashes to ${actual}, ${manifestFile} says ${expected.sha256}`,
    );
  return bytes;
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

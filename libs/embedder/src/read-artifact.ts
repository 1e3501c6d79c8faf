import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import {
  artifactFiles,
  decodeVocabulary,
  encoderFolder,
  manifestFile,
  parseManifest,
  RouterError,
  type RouterManifest,
  type Vocabulary,
} from "@expert-router/classifier";
import { artifactVersion, sha256 } from "./artifact-version.js";

/** A verified artifact in memory. */
export interface RouterArtifact {
  readonly manifest: RouterManifest;
  readonly vocabulary: Vocabulary;
  readonly model: Uint8Array;
  /** Folder of the sentence encoder, if the router has one. */
  readonly encoderDir: string | undefined;
}

/**
 * Reads and verifies the artifact in `dir`. An encoder's files are only seen to be there: whoever opens it compares the
 * hashes of those it reads, which may be hundreds of megabytes.
 * @throws RouterError `artifact_missing`, `artifact_invalid`, `artifact_unsupported` or `artifact_corrupt`, naming the file.
 */
export async function readArtifact(dir: string): Promise<RouterArtifact> {
  const manifest = parseManifest((await readArtifactFile(dir, manifestFile)).toString("utf8"));
  const version = artifactVersion(manifest);
  if (manifest.version !== version)
    throw new RouterError(
      "artifact_corrupt",
      `${join(dir, manifestFile)} calls itself ${manifest.version}, but its content is ${version}`,
    );
  const [model, vocabularyBytes] = await Promise.all(
    artifactFiles.map(async (name) => readVerified(dir, name, manifest.files[name])),
  );
  const { encoder } = manifest.embedder;
  if (encoder !== undefined) await checkEncoderFiles(dir, encoder);
  const vocabulary = await decodeVocabulary(vocabularyBytes!);
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
  checkSize(join(dir, name), bytes.length, expected.bytes);
  const actual = sha256(bytes);
  if (actual !== expected.sha256)
    throw new RouterError(
      "artifact_corrupt",
      `${join(dir, name)} hashes to ${actual}, ${manifestFile} says ${expected.sha256}`,
    );
  return bytes;
}

async function checkEncoderFiles(
  dir: string,
  { name: model, files }: NonNullable<RouterManifest["embedder"]["encoder"]>,
): Promise<void> {
  if (!files.some(({ name }) => name === model))
    throw new RouterError(
      "artifact_invalid",
      `${manifestFile} names the encoder's model ${model}, which is none of its files`,
    );
  for (const { name, bytes } of files) {
    if (name.split(/[\\/]/).includes("..") || name.startsWith("/"))
      throw new RouterError("artifact_invalid", `${manifestFile} names ${name}, which lies outside`);
    const path = join(dir, encoderFolder, name);
    const { size } = await stat(path).catch((cause: Error) => {
      throw new RouterError("artifact_missing", `${path} cannot be read (${cause.message})`, { cause });
    });
    checkSize(path, size, bytes);
  }
}

function checkSize(path: string, actual: number, expected: number): void {
  if (actual === expected) return;
  throw new RouterError("artifact_corrupt", `${path} has ${actual} bytes, ${manifestFile} says ${expected}`);
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

import { copyFile, lstat, mkdir, realpath, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import {
  artifactFormat,
  encoderFolder,
  encodeVocabulary,
  formatManifest,
  manifestFile,
  maxClassifiedChars,
  RouterError,
  type RouterManifest,
  type TrainedRouter,
} from "@expert-router/classifier";
import { artifactVersion, sha256 } from "./artifact-version.js";
import { encodeRouterGraph } from "./router-graph.js";

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

/**
 * Writes a trained router as an artifact folder. The folder appears, or replaces the one that was there, only
 * once every byte is written; nothing is left behind on failure.
 * @throws RouterError `artifact_unwritable`.
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
  const content = {
    embedder: embedderOf(router, encoder),
    head: { kind: router.head.kind },
    experts: [...router.classes],
    files: {
      "router.onnx": fileOf(contents["router.onnx"]),
      "vocabulary.bin": fileOf(contents["vocabulary.bin"]),
    },
  };
  const { embedder, head, experts, files } = content;
  const { training } = router;
  const version = artifactVersion(content);
  const manifest = { format: artifactFormat, version, embedder, head, experts, training, files } as const;
  try {
    await replaceFolder(dir, { ...contents, [manifestFile]: formatManifest(manifest) }, encoder);
  } catch (cause) {
    throw new RouterError("artifact_unwritable", `${dir} cannot be written: ${(cause as Error).message}`, {
      cause,
    });
  }
  return manifest;
}

function embedderOf(router: TrainedRouter, encoder: ArtifactEncoder | undefined): RouterManifest["embedder"] {
  const common = { features: router.vocabulary.size, max_chars: maxClassifiedChars };
  if (encoder === undefined) return { kind: "tfidf", ...common };
  const { model, dimensions, maxTokens } = encoder;
  const files = model.files.map(({ name, sha256: of, bytes }) => ({ name, sha256: of, bytes }));
  return { kind: "onnx", ...common, encoder: { name: model.name, dimensions, max_tokens: maxTokens, files } };
}

function fileOf(bytes: Uint8Array): { sha256: string; bytes: number } {
  return { sha256: sha256(bytes), bytes: bytes.length };
}

async function replaceFolder(
  path: string,
  contents: Record<string, Uint8Array | string>,
  encoder: ArtifactEncoder | undefined,
): Promise<void> {
  // Where the path is a link, the folder that it leads to is replaced and not the link.
  const dir = await realpath(path).catch((error: unknown) => ifMissing(error, path));
  if (dir === path && (await lstat(path).catch(() => undefined))?.isSymbolicLink() === true)
    throw new Error("it is a link that leads nowhere");
  const beside = join(dirname(dir), `.${basename(dir)}.${process.pid}`);
  const fresh = `${beside}.new`;
  const old = `${beside}.old`;
  try {
    await makeFolders(dirname(dir));
    await rm(fresh, { recursive: true, force: true });
    await mkdir(fresh);
    for (const [name, content] of Object.entries(contents)) await writeFile(join(fresh, name), content);
    for (const { name } of encoder?.model.files ?? []) {
      const to = join(fresh, encoderFolder, name);
      await mkdir(dirname(to), { recursive: true });
      await copyFile(join(encoder!.dir, name), to);
    }
    const replaced = await rename(dir, old).then(
      () => true,
      (error: unknown) => ifMissing(error, false),
    );
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

/** Makes `dir` and what is missing above it. Node's recursive mkdir does not end where no folder can be made, as in /proc. */
async function makeFolders(dir: string): Promise<void> {
  try {
    await mkdir(dir);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return;
    if (code !== "ENOENT" || dirname(dir) === dir) throw error;
    await makeFolders(dirname(dir));
    await mkdir(dir);
  }
}

function ifMissing<Value>(error: unknown, value: Value): Value {
  if ((error as NodeJS.ErrnoException).code === "ENOENT") return value;
  throw error;
}

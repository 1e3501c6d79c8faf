import { createHash } from "node:crypto";
import { artifactFormat, type RouterManifest } from "@expert-router/classifier";

/** What the version of an artifact is made of: all that its decisions follow from. */
export type VersionedContent = Pick<RouterManifest, "embedder" | "head" | "experts" | "files">;

/** The name of this content: two artifacts with one version decide alike. */
export function artifactVersion({ embedder, head, experts, files }: VersionedContent): string {
  const { features, max_chars: maxChars, encoder } = embedder;
  const content = [
    artifactFormat,
    experts.map((of) => of.name),
    files["router.onnx"].sha256,
    files["vocabulary.bin"].sha256,
    [features, maxChars],
    ...(encoder === undefined
      ? []
      : [
          encoder.name,
          encoder.dimensions,
          encoder.max_tokens,
          encoder.files.map((of) => [of.name, of.sha256]),
        ]),
  ];
  return `${embedder.kind}-${head.kind}-${sha256(JSON.stringify(content)).slice(0, 12)}`;
}

/** SHA-256 in hexadecimal digits. */
export function sha256(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

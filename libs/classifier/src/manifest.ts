import { z } from "zod";
import { RouterError } from "./router-error.js";
import { routerClassSchema, trainingReportSchema } from "./trained-router.js";

/** Files of an artifact, `router.json` itself left out. */
export const artifactFiles = ["router.onnx", "vocabulary.bin"] as const;
export const manifestFile = "router.json";

/** Layout of artifacts this version writes and reads. */
export const artifactFormat = 2;

/** Folder of an artifact with the sentence encoder it was trained with, if it was. */
export const encoderFolder = "encoder";

const fileSchema = z.strictObject({ sha256: z.string().regex(/^[0-9a-f]{64}$/), bytes: z.int().positive() });

/** How texts become the input of `router.onnx`. */
const embedderSchema = z.strictObject({
  kind: z.enum(["tfidf", "onnx"]).describe("onnx: a sentence encoder stands beside the features."),
  features: z.int().positive(),
  max_chars: z.int().positive(),
  encoder: z
    .strictObject({
      name: z.string(),
      dimensions: z.int().positive(),
      max_tokens: z.int().positive(),
      files: z.array(fileSchema.extend({ name: z.string().min(1) })).min(1),
    })
    .optional(),
});

/** `router.json`: what the artifact is, how it came about and what its files must hash to. */
export const manifestSchema = z.strictObject({
  format: z.literal(artifactFormat),
  version: z
    .string()
    .min(1)
    .describe("Follows from the files' hashes: two artifacts of one version decide alike."),
  embedder: embedderSchema,
  head: z.strictObject({ kind: z.enum(["linear", "centroids"]) }),
  experts: z
    .array(routerClassSchema)
    .min(1)
    .describe("The classes an expert can answer, in the order of the model's outputs."),
  training: trainingReportSchema,
  files: z.strictObject({ "router.onnx": fileSchema, "vocabulary.bin": fileSchema }),
});
export type RouterManifest = z.infer<typeof manifestSchema>;

/**
 * Reads the text of a `router.json`.
 * @throws RouterError `artifact_invalid`, naming every field at fault, or `artifact_unsupported` for another format.
 */
export function parseManifest(text: string): RouterManifest {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new RouterError("artifact_invalid", `${manifestFile} is not JSON`, { cause });
  }
  const format = z.object({ format: z.number() }).safeParse(json);
  if (format.success && format.data.format !== artifactFormat) {
    throw new RouterError(
      "artifact_unsupported",
      `${manifestFile} has format ${format.data.format}, this version reads ${artifactFormat}: train again`,
    );
  }
  const result = manifestSchema.safeParse(json);
  if (result.success) return result.data;
  const problems = result.error.issues.map(
    (issue) => `${issue.path.join(".") || "(root)"}: ${issue.message}`,
  );
  throw new RouterError(
    "artifact_invalid",
    `${manifestFile} is not a router manifest: ${problems.join("; ")}`,
  );
}

/** The text of a `router.json`, the same for equal manifests. */
export function formatManifest(manifest: RouterManifest): string {
  return `${JSON.stringify(manifest, undefined, 2)}\n`;
}

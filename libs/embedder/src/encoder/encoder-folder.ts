/** Reads what a folder in the layout of sentence-transformers says about its encoder. */
import { stat } from "node:fs/promises";
import { join, posix } from "node:path";
import { z } from "zod";
import { EncoderError } from "./encoder-error.js";
import type { EncoderPlan } from "./encoder-plan.js";
import { FolderFiles } from "./folder-files.js";
import { poolings, type Pooling } from "./pooling.js";

/** Where the model is looked for, the quantised ones first. With none of these, the only `.onnx` of the folder is taken. */
export const encoderModels = [
  "onnx/model_quantized.onnx",
  "onnx/model_int8.onnx",
  "onnx/model.onnx",
  "model.onnx",
] as const;

/** Tokens that no encoder is given more of: the cost of a text grows with their square. */
const maxTokensEver = 512;
const defaultMaxTokens = 256;

const modulesSchema = z.array(z.object({ type: z.string(), path: z.string() }));
const transformerSchema = z.object({
  max_seq_length: z.number().int().positive().nullish(),
  do_lower_case: z.boolean().nullish(),
});
const tokenizerConfigSchema = z.object({ model_max_length: z.number().positive().nullish() });
const promptsSchema = z.object({
  prompts: z.record(z.string(), z.string()).nullish(),
  default_prompt_name: z.string().nullish(),
});
const poolingSchema = z.looseObject({
  pooling_mode: z.string().nullish(),
  include_prompt: z.boolean().nullish(),
});

export interface EncoderFolderOptions {
  /** The model to take, as a path below the folder. Default: the first of {@link encoderModels} that is there. */
  readonly model?: string | undefined;
  /** Tokens of a text that are read at most. Default 256; never more than the model's own limit and 512. */
  readonly maxTokens?: number | undefined;
}

/**
 * Reads the folder's files, all but the model itself.
 * @throws EncoderError naming the file that is missing, broken or asks for what is not built.
 */
export async function readEncoderFolder(dir: string, options: EncoderFolderOptions): Promise<EncoderPlan> {
  await assertFolder(dir);
  const files = new FolderFiles(dir);
  const modules = readModules(dir, await files.json("modules.json", modulesSchema));
  const inTransformer = (name: string) => posix.join(modules.transformer, name);
  const tokenizer = await firstOf(files, ["tokenizer.json", inTransformer("tokenizer.json")]);
  if (tokenizer === undefined) {
    throw new EncoderError(
      "encoder_missing",
      `${join(dir, "tokenizer.json")} is missing; 'expert-router models pull' fetches a whole encoder`,
    );
  }
  files.use(tokenizer);
  const tokenizerConfig = await firstOf(files, [
    "tokenizer_config.json",
    inTransformer("tokenizer_config.json"),
  ]);
  const tokenizing = tokenizerConfig && (await files.json(tokenizerConfig, tokenizerConfigSchema));
  const transformer = await files.json(inTransformer("sentence_bert_config.json"), transformerSchema);
  const prefix = readPrefix(dir, await files.json("config_sentence_transformers.json", promptsSchema));
  const pooling = await readPooling(files, modules.pooling, prefix);
  const model = await findModel(files, options.model);
  files.use(model);
  if (await files.has(`${model}_data`)) files.use(`${model}_data`);
  return {
    dir,
    model,
    tokenizer,
    tokenizerConfig,
    pooling,
    normalized: modules.normalized,
    maxTokens: Math.min(
      options.maxTokens ?? defaultMaxTokens,
      (transformer?.max_seq_length ?? undefined) || maxTokensEver,
      (tokenizing && tokenizing.model_max_length) || maxTokensEver,
      maxTokensEver,
    ),
    prefix,
    lowerCase: transformer?.do_lower_case ?? false,
    files: await files.describeUsed(),
  };
}

async function assertFolder(dir: string): Promise<void> {
  const isFolder = await stat(dir).then(
    (of) => of.isDirectory(),
    () => false,
  );
  if (!isFolder) {
    throw new EncoderError(
      "encoder_missing",
      `no encoder at ${dir}: it is no folder; 'expert-router models pull' fetches one`,
    );
  }
}

interface Modules {
  /** Folder of the transformer's files, "" for the folder itself. */
  readonly transformer: string;
  readonly pooling: string;
  readonly normalized: boolean;
}

/** Without modules.json a folder is a bare transformer, for which sentence-transformers takes the mean and no normalisation. */
function readModules(dir: string, modules: z.infer<typeof modulesSchema> | undefined): Modules {
  let found: Modules = { transformer: "", pooling: "1_Pooling", normalized: false };
  const file = join(dir, "modules.json");
  for (const { type, path } of modules ?? []) {
    if (posix.isAbsolute(path) || path.split(/[\\/]/).includes("..")) {
      throw new EncoderError("encoder_invalid", `${file}: the path '${path}' leads out of the folder`);
    }
    const kind = type.slice(type.lastIndexOf(".") + 1);
    if (kind === "Transformer") found = { ...found, transformer: path };
    else if (kind === "Pooling") found = { ...found, pooling: path };
    else if (kind === "Normalize") found = { ...found, normalized: true };
    else {
      throw new EncoderError(
        "encoder_unsupported",
        `${file}: a module of the kind ${kind} is not built; Transformer, Pooling and Normalize are`,
      );
    }
  }
  return found;
}

function readPrefix(dir: string, config: z.infer<typeof promptsSchema> | undefined): string {
  const name = config?.default_prompt_name;
  if (name === null || name === undefined) return "";
  const prefix = config?.prompts?.[name];
  if (prefix !== undefined) return prefix;
  throw new EncoderError(
    "encoder_invalid",
    `${join(dir, "config_sentence_transformers.json")}: default_prompt_name is '${name}', which prompts does not hold`,
  );
}

const flagPrefix = "pooling_mode_";

const poolingsByMode: Readonly<Record<string, Pooling>> = {
  cls: "cls",
  cls_token: "cls",
  mean: "mean",
  mean_tokens: "mean",
  max: "max",
  max_tokens: "max",
  mean_sqrt_len: "mean_sqrt_len",
  mean_sqrt_len_tokens: "mean_sqrt_len",
  lasttoken: "lasttoken",
};

async function readPooling(files: FolderFiles, folder: string, prefix: string): Promise<Pooling> {
  const name = posix.join(folder, "config.json");
  const config = await files.json(name, poolingSchema);
  if (config === undefined) return "mean";
  const file = join(files.dir, name);
  if (config.include_prompt === false && prefix !== "") {
    throw new EncoderError(
      "encoder_unsupported",
      `${file}: include_prompt false, which leaves the prompt out of the pooled vector, is not built`,
    );
  }
  const flags = Object.keys(config).filter((key) => key.startsWith(flagPrefix) && config[key] === true);
  // Newer folders name the kind instead of setting a flag.
  const modes = config.pooling_mode
    ? [config.pooling_mode]
    : flags.map((key) => key.slice(flagPrefix.length));
  if (modes.length === 0) return "mean";
  const kind = modes.length === 1 ? poolingsByMode[modes[0]!] : undefined;
  if (kind !== undefined) return kind;
  throw new EncoderError(
    "encoder_unsupported",
    `${file}: pooling by ${modes.join(" and ")} is not built; one of ${poolings.join(", ")} is`,
  );
}

async function findModel(files: FolderFiles, named: string | undefined): Promise<string> {
  if (named !== undefined) {
    if (await files.has(named)) return posix.normalize(named);
    throw new EncoderError("encoder_missing", `${join(files.dir, named)} is missing`);
  }
  const found = await firstOf(files, encoderModels);
  if (found !== undefined) return found;
  const others = [...(await files.models("onnx")), ...(await files.models(""))];
  if (others.length === 1) return others[0]!;
  throw new EncoderError(
    "encoder_missing",
    others.length === 0
      ? `no ONNX model at ${files.dir}: none of ${encoderModels.join(", ")} is there`
      : `which model of ${files.dir}? None has a usual name (${encoderModels.join(", ")}), and there are ${others.join(", ")}: name one`,
  );
}

async function firstOf(files: FolderFiles, names: readonly string[]): Promise<string | undefined> {
  for (const name of names) if (await files.has(name)) return name;
  return undefined;
}

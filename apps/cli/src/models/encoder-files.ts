/** Which files of a repository an encoder needs. */
import { encoderModels } from "@expert-router/embedder";
import { CommandFailure } from "../command-failure.js";
import type { RemoteFile } from "./remote-file.js";

/** Small files that say how the model is used; those that are there are fetched. */
const descriptions = new Set([
  "config.json",
  "config_sentence_transformers.json",
  "modules.json",
  "sentence_bert_config.json",
  "special_tokens_map.json",
  "tokenizer.json",
  "tokenizer_config.json",
]);

/** Folders of modules, such as `1_Pooling/config.json`. */
const ofModule = /^\d+_\w+\/(config|sentence_bert_config|tokenizer|tokenizer_config)\.json$/;

/** @throws CommandFailure when the repository holds no encoder, or not the model `named`. */
export function encoderFiles(repo: string, files: readonly RemoteFile[], named?: string): RemoteFile[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const models = files.filter(({ path }) => path.endsWith(".onnx")).map(({ path }) => path);
  const listed = models.length === 0 ? "it holds no .onnx file" : `it holds ${models.join(", ")}`;
  const model = named ?? encoderModels.find((name) => byPath.has(name));
  if (model === undefined)
    throw new CommandFailure(
      `${repo}: which model? ${listed}${models.length === 0 ? "" : "; choose by --file"}`,
    );
  if (!byPath.has(model)) throw new CommandFailure(`${repo} has no file ${model}: ${listed}`);
  if (!files.some(({ path }) => path === "tokenizer.json" || path.endsWith("/tokenizer.json")))
    throw new CommandFailure(`${repo} has no tokenizer.json, without which its model cannot be used`);
  return files.filter(
    ({ path }) => path === model || path === `${model}_data` || descriptions.has(path) || ofModule.test(path),
  );
}

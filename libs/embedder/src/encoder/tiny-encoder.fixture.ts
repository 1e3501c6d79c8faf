/** Writes the folder of an encoder whose model looks each token up in a table, so that every vector can be told by heart. */
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import onnxProto from "onnx-proto";

const { AttributeProto, ModelProto, TensorProto } = onnxProto.onnx;
const { INT64, FLOAT } = TensorProto.DataType;

/** The vector of a token is its row; [PAD]'s is large, so that padding that counts is seen. */
export const tinyTable: Readonly<Record<string, readonly [number, number, number]>> = {
  "[PAD]": [1_000, 1_000, 1_000],
  "[UNK]": [0, 0, 9],
  "[CLS]": [1, 0, 0],
  "[SEP]": [0, 1, 0],
  red: [2, 3, -4],
  green: [6, 1, 0],
  blue: [0, 8, 1],
  "##ish": [1, 1, 1],
};
export const tinyDimensions = 3;

export interface TinyEncoder {
  readonly inputs?: readonly string[];
  readonly output?: string;
  /** `[PAD]`'s row and the like make the output float `[b, l, 3]`; true takes the first token's only, `[b, 3]`. */
  readonly isPooled?: boolean;
  /** Text or JSON by name; null leaves a file out. */
  readonly files?: Readonly<Record<string, unknown>>;
  readonly model?: string;
}

/** Returns the folder, below the system's one for temporary files. */
export function writeTinyEncoder(options: TinyEncoder = {}): string {
  const dir = mkdtempSync(join(tmpdir(), "expert-router-encoder-"));
  const files: Record<string, unknown> = {
    "tokenizer.json": tinyTokenizer,
    "tokenizer_config.json": { model_max_length: 512 },
    "modules.json": tinyModules(),
    "1_Pooling/config.json": { pooling_mode_mean_tokens: true, pooling_mode_cls_token: false },
    "sentence_bert_config.json": { max_seq_length: 128 },
    [options.model ?? "onnx/model.onnx"]: tinyModel(options),
    ...options.files,
  };
  for (const [name, content] of Object.entries(files)) {
    if (content === null) continue;
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    const isRaw = typeof content === "string" || content instanceof Uint8Array;
    writeFileSync(join(dir, name), isRaw ? content : JSON.stringify(content));
  }
  return dir;
}

export function tinyModules(...more: string[]): { type: string; path: string }[] {
  const kinds = ["Transformer", "Pooling", ...more];
  return kinds.map((kind, at) => ({
    type: `sentence_transformers.models.${kind}`,
    path: at === 0 ? "" : `${at}_${kind}`,
  }));
}

const tinyTokenizer = {
  version: "1.0",
  added_tokens: ["[PAD]", "[UNK]", "[CLS]", "[SEP]"].map((content, id) => ({ id, content, special: true })),
  normalizer: { type: "BertNormalizer", clean_text: true, handle_chinese_chars: true, lowercase: false },
  pre_tokenizer: { type: "BertPreTokenizer" },
  post_processor: {
    type: "TemplateProcessing",
    single: [
      { SpecialToken: { id: "[CLS]", type_id: 0 } },
      { Sequence: { id: "A", type_id: 0 } },
      { SpecialToken: { id: "[SEP]", type_id: 0 } },
    ],
    pair: [],
    special_tokens: {
      "[CLS]": { id: "[CLS]", ids: [2], tokens: ["[CLS]"] },
      "[SEP]": { id: "[SEP]", ids: [3], tokens: ["[SEP]"] },
    },
  },
  decoder: null,
  model: {
    type: "WordPiece",
    unk_token: "[UNK]",
    continuing_subword_prefix: "##",
    max_input_chars_per_word: 100,
    vocab: Object.fromEntries(Object.keys(tinyTable).map((token, id) => [token, id])),
  },
};

function tinyModel({ inputs = ["input_ids", "attention_mask"], output, isPooled }: TinyEncoder): Uint8Array {
  const rows = Object.values(tinyTable);
  const rawData = new Uint8Array(Float32Array.from(rows.flat()).buffer);
  const value = (name: string, elemType: number, dims: (string | number)[]) => ({
    name,
    type: {
      tensorType: {
        elemType,
        shape: {
          dim: dims.map((size) => (typeof size === "string" ? { dimParam: size } : { dimValue: size })),
        },
      },
    },
  });
  const name = output ?? (isPooled ? "sentence_embedding" : "last_hidden_state");
  const axis = (i: number) => ({ name: "axis", i, type: AttributeProto.AttributeType.INT });
  const lookUp = { opType: "Gather", input: ["table", inputs[0]!], name: "look-up", attribute: [axis(0)] };
  const first = {
    opType: "Gather",
    input: ["tokens", "zero"],
    name: "first",
    attribute: [axis(1)],
    output: [name],
  };
  const model = ModelProto.create({
    irVersion: 8,
    opsetImport: [{ domain: "", version: 15 }],
    graph: {
      name: "tiny",
      node: isPooled ? [{ ...lookUp, output: ["tokens"] }, first] : [{ ...lookUp, output: [name] }],
      initializer: [
        { name: "table", dataType: FLOAT, dims: [rows.length, tinyDimensions], rawData },
        ...(isPooled ? [{ name: "zero", dataType: INT64, dims: [], rawData: new Uint8Array(8) }] : []),
      ],
      input: inputs.map((of) => value(of, INT64, ["b", "l"])),
      output: [value(name, FLOAT, isPooled ? ["b", tinyDimensions] : ["b", "l", tinyDimensions])],
    },
  });
  return ModelProto.encode(model).finish();
}

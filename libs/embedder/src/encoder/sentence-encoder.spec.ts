import { createHash } from "node:crypto";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { SentenceEncoder, type SentenceEncoderOptions } from "./sentence-encoder.js";
import { tinyModules, tinyTable, writeTinyEncoder, type TinyEncoder } from "./tiny-encoder.fixture.js";

const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

function folder(options?: TinyEncoder): string {
  const dir = writeTinyEncoder(options);
  cleanups.push(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

async function opened(tiny?: TinyEncoder, options: SentenceEncoderOptions = { threads: 1 }) {
  const encoder = await SentenceEncoder.open(folder(tiny), options);
  cleanups.push(() => encoder.close());
  return encoder;
}

const vectorsOf = (tokens: string) => `[CLS] ${tokens} [SEP]`.split(" ").map((token) => tinyTable[token]!);
const meanOf = (tokens: string) =>
  [0, 1, 2].map((at) => vectorsOf(tokens).reduce((sum, of) => sum + of[at]!, 0) / vectorsOf(tokens).length);
const near = (values: readonly number[]) => values.map((value) => expect.closeTo(value, 5));

describe("SentenceEncoder", () => {
  it("says what it is made of", async () => {
    const dir = folder();
    const encoder = await SentenceEncoder.open(dir, { threads: 1 });
    cleanups.push(() => encoder.close());
    expect(encoder).toMatchObject({ dimensions: 3, maxTokens: 128, pooling: "mean", normalized: false });
    expect(encoder.model.name).toBe("onnx/model.onnx");
    expect(encoder.model.files.map(({ name }) => name)).toEqual([
      "1_Pooling/config.json",
      "modules.json",
      "onnx/model.onnx",
      "sentence_bert_config.json",
      "tokenizer.json",
      "tokenizer_config.json",
    ]);
    const bytes = readFileSync(join(dir, "onnx/model.onnx"));
    expect(encoder.model.files[2]).toEqual({
      name: "onnx/model.onnx",
      sha256: createHash("sha256").update(bytes).digest("hex"),
      bytes: bytes.length,
    });
  });

  it.each([
    ["cls", "pooling_mode_cls_token", [1, 0, 0]],
    ["mean", "pooling_mode_mean_tokens", meanOf("red green")],
    ["max", "pooling_mode_max_tokens", [6, 3, 0]],
    ["mean_sqrt_len", "pooling_mode_mean_sqrt_len_tokens", meanOf("red green").map((of) => of * 2)],
    ["lasttoken", "pooling_mode_lasttoken", [0, 1, 0]],
  ])("pools by %s, whatever stands beside it in a batch", async (pooling, flag, expected) => {
    const encoder = await opened({ files: { "1_Pooling/config.json": { [flag]: true } } });
    expect(encoder.pooling).toBe(pooling);
    expect([...(await encoder.encode(["red green"]))]).toEqual(near(expected));
    const both = await encoder.encode(["red green", "blue blue blue blue red"]);
    expect([...both.subarray(0, 3)]).toEqual(near(expected));
  });

  it("reads the newer name of a pooling, and takes the mean where nothing is said", async () => {
    const named = await opened({ files: { "1_Pooling/config.json": { pooling_mode: "lasttoken" } } });
    expect(named.pooling).toBe("lasttoken");
    const bare = await opened({ files: { "1_Pooling/config.json": null, "modules.json": null } });
    expect(bare).toMatchObject({ pooling: "mean", normalized: false });
  });

  it("normalises when modules.json says so", async () => {
    const encoder = await opened({ files: { "modules.json": tinyModules("Normalize") } });
    const vector = await encoder.encode(["red"]);
    const mean = meanOf("red");
    expect([...vector]).toEqual(near(mean.map((value) => value / Math.hypot(...mean))));
  });

  it("takes a graph with token types, and one that pools by itself", async () => {
    const inputs = ["input_ids", "attention_mask", "token_type_ids"];
    const withTypes = await opened({ inputs, output: "token_embeddings" });
    expect([...(await withTypes.encode(["red"]))]).toEqual(near(meanOf("red")));
    const pooled = await opened({ isPooled: true, inputs: ["input_ids"] });
    expect([...(await pooled.encode(["blue", "red"]))]).toEqual([1, 0, 0, 1, 0, 0]);
  });

  it("cuts what is too long and keeps the tokens around it", async () => {
    const encoder = await opened({}, { threads: 1, maxTokens: 4 });
    expect(encoder.maxTokens).toBe(4);
    const [cut, long, fits] = await Promise.all(
      ["red green blue blue", `red green ${"blue ".repeat(50_000)}`, "red green"].map((text) =>
        encoder.encode([text]),
      ),
    );
    expect([...cut!]).toEqual(near(meanOf("red green")));
    expect(long).toEqual(cut);
    expect(fits).toEqual(cut);
  });

  it.each([
    ["sentence_bert_config.json", { max_seq_length: 7 }, 7],
    ["tokenizer_config.json", { model_max_length: 9 }, 9],
  ])("never reads more tokens than %s allows", async (name, content, expected) => {
    expect((await opened({ files: { [name]: content } }, { maxTokens: 100 })).maxTokens).toBe(expected);
  });

  it("puts the default prompt before a text, and lowers case where the folder says so", async () => {
    const encoder = await opened({
      files: {
        "config_sentence_transformers.json": { prompts: { any: "green " }, default_prompt_name: "any" },
        "sentence_bert_config.json": { do_lower_case: true },
      },
    });
    expect([...(await encoder.encode(["RED"]))]).toEqual(near(meanOf("green red")));
  });

  it("answers an empty text by the tokens around it, and no text by no vector", async () => {
    const encoder = await opened();
    expect([...(await encoder.encode([""]))]).toEqual([0.5, 0.5, 0]);
    expect(await encoder.encode([])).toHaveLength(0);
  });

  it("keeps the order of many texts, over several sessions", async () => {
    const encoder = await opened({}, { threads: 2, sessions: 2 });
    const colours = ["red", "green", "blue"];
    const texts = Array.from({ length: 1_000 }, (_, at) => `${colours[at % 3]!} `.repeat(1 + (at % 11)));
    const [rows, single] = await Promise.all([encoder.encode(texts), encoder.encode(["redish"])]);
    for (const [at, text] of texts.entries()) {
      expect([...rows.subarray(at * 3, at * 3 + 3)]).toEqual(near(meanOf(text.trim())));
    }
    expect([...single]).toEqual(near(meanOf("red ##ish")));
    expect(encoder.counts.texts).toBe(1_001);
  });

  it("finishes the calls under way when it is closed, and takes no more", async () => {
    const encoder = await SentenceEncoder.open(folder(), { threads: 1 });
    const calls = Promise.all(Array.from({ length: 100 }, () => encoder.encode(["red"])));
    await encoder.close();
    expect(await calls).toHaveLength(100);
    await expect(encoder.encode(["red"])).rejects.toMatchObject({ code: "encoder_closed" });
  });
});

describe("an encoder's folder that is unfit", () => {
  const modelText = { "onnx/model.onnx": "no model" };
  it.each<[string, TinyEncoder, string, RegExp]>([
    [
      "without tokenizer",
      { files: { "tokenizer.json": null } },
      "encoder_missing",
      /tokenizer\.json is missing/,
    ],
    ["without model", { files: { "onnx/model.onnx": null } }, "encoder_missing", /no ONNX model/],
    ["with a broken model", { files: modelText }, "encoder_invalid", /model\.onnx is not a model/],
    ["with half a JSON", { files: { "modules.json": "[{" } }, "encoder_invalid", /modules\.json is not JSON/],
    [
      "with a tokenizer of another world",
      { files: { "tokenizer.json": { model: { type: "Abacus" } } } },
      "encoder_invalid",
      /tokenizer\.json is not a tokenizer/,
    ],
    [
      "with a dense layer",
      { files: { "modules.json": tinyModules("Dense") } },
      "encoder_unsupported",
      /Dense/,
    ],
    [
      "with two poolings",
      {
        files: {
          "1_Pooling/config.json": { pooling_mode_cls_token: true, pooling_mode_max_tokens: true },
        },
      },
      "encoder_unsupported",
      /cls_token and max_tokens/,
    ],
    [
      "with a pooling nobody knows",
      { files: { "1_Pooling/config.json": { pooling_mode_weightedmean_tokens: true } } },
      "encoder_unsupported",
      /weightedmean_tokens/,
    ],
    [
      "that leads elsewhere",
      { files: { "modules.json": [{ type: "x.Pooling", path: "../../etc" }] } },
      "encoder_invalid",
      /leads out of the folder/,
    ],
    [
      "with a default prompt that is not there",
      { files: { "config_sentence_transformers.json": { prompts: {}, default_prompt_name: "q" } } },
      "encoder_invalid",
      /default_prompt_name is 'q'/,
    ],
    [
      "with a limit that is no number",
      { files: { "sentence_bert_config.json": { max_seq_length: "many" } } },
      "encoder_invalid",
      /sentence_bert_config\.json: max_seq_length/,
    ],
    ["with an input nobody fills", { inputs: ["input_ids", "pixels"] }, "encoder_unsupported", /pixels/],
    ["with an output nobody knows", { output: "logits" }, "encoder_unsupported", /gives logits/],
    [
      "with the shape of another output",
      { isPooled: true, output: "last_hidden_state" },
      "encoder_invalid",
      /has the shape \[2, 3\]/,
    ],
  ])("is refused %s", async (_what, tiny, code, message) => {
    const dir = folder(tiny);
    const error = await SentenceEncoder.open(dir, { threads: 1 }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: "EncoderError", code, message: expect.stringMatching(message) });
    expect((error as Error).message).toContain(dir);
  });

  it("is refused where there is none", async () => {
    await expect(SentenceEncoder.open("/nowhere/at/all")).rejects.toMatchObject({ code: "encoder_missing" });
  });

  it("takes the model that is named, the preferred one, or the only one", async () => {
    const both = folder({ files: { "onnx/model_quantized.onnx": "no model" } });
    await expect(SentenceEncoder.open(both, { threads: 1 })).rejects.toThrow("model_quantized.onnx is not");
    const named = await SentenceEncoder.open(both, { threads: 1, model: "onnx/model.onnx" });
    await named.close();
    expect((await opened({ model: "onnx/model_qint8_avx512.onnx" })).model.name).toBe(
      "onnx/model_qint8_avx512.onnx",
    );
    const two = folder({ model: "onnx/a.onnx", files: { "onnx/b.onnx": "" } });
    await expect(SentenceEncoder.open(two)).rejects.toThrow(/onnx\/a\.onnx, onnx\/b\.onnx: name one/);
    await expect(SentenceEncoder.open(two, { model: "c.onnx" })).rejects.toThrow(/c\.onnx is missing/);
  });
});

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { EncoderError } from "./encoder-error.js";
import type { EncoderPlan } from "./encoder-plan.js";
import { normalize, pool } from "./pooling.js";
import { planRuns } from "./run-plan.js";
import { TextTokenizer } from "./text-tokenizer.js";

/** Inputs of a transformer that can be filled from its tokens. */
const knownInputs = ["input_ids", "attention_mask", "token_type_ids"];
/** Outputs that hold a vector for each token, and outputs that hold one for each text, in order of preference. */
const tokenOutputs = ["last_hidden_state", "token_embeddings"];
const textOutputs = ["sentence_embedding", "sentence_embeddings"];

interface Graph {
  readonly session: InferenceSession;
  readonly output: string;
  /** Whether the graph pools by itself. */
  readonly isPooled: boolean;
}

/** One ONNX session with its tokenizer: texts in, pooled vectors out. Its calls occupy the thread they are made on. */
export class EncoderSession {
  /** Length of a text's vector. */
  dimensions = 0;

  private constructor(
    private readonly plan: EncoderPlan,
    private readonly tokenizer: TextTokenizer,
    private readonly graph: Graph,
  ) {}

  /**
   * Loads the model and runs it on the shortest and the longest text it is to take.
   * @throws EncoderError naming the file that does not fit.
   */
  static async open(plan: EncoderPlan, threads: number): Promise<EncoderSession> {
    const tokenizer = await openTokenizer(plan);
    const session = new EncoderSession(plan, tokenizer, await openGraph(plan, threads));
    await session.tryOut();
    return session;
  }

  /** Vectors of `texts`, `[texts, dimensions]` row by row. A text's vector does not depend on the others. */
  async encode(texts: readonly string[]): Promise<{ rows: Float32Array; tokens: number }> {
    const tokens = texts.map((text) => this.tokenizer.encode(text));
    const rows = new Float32Array(texts.length * this.dimensions);
    for (const run of planRuns(tokens.map((ids) => ids.length))) {
      await this.run(
        run.map((row) => tokens[row]!),
        (at) => rows.subarray(run[at]! * this.dimensions, (run[at]! + 1) * this.dimensions),
      );
    }
    return { rows, tokens: tokens.reduce((sum, ids) => sum + ids.length, 0) };
  }

  async close(): Promise<void> {
    await this.graph.session.release();
  }

  /** One run of the model over `batch`; `target` gives the place of each row's vector. */
  private async run(batch: readonly number[][], target: (row: number) => Float32Array): Promise<void> {
    const { data, dims } = await this.forward(batch);
    const width = dims.length === 3 ? dims[1]! : 1;
    for (const [row, ids] of batch.entries()) {
      const vector = target(row);
      if (this.graph.isPooled) vector.set(data.subarray(row * this.dimensions, (row + 1) * this.dimensions));
      else {
        pool(this.plan.pooling, { data, width, dimensions: this.dimensions }, row, ids.length, vector);
      }
      if (this.plan.normalized) normalize(vector);
    }
  }

  private async forward(
    batch: readonly number[][],
  ): Promise<{ data: Float32Array; dims: readonly number[] }> {
    const { session, output } = this.graph;
    const width = batch.reduce((longest, ids) => Math.max(longest, ids.length), 1);
    const shape = [batch.length, width];
    const ids = new BigInt64Array(batch.length * width);
    const mask = new BigInt64Array(batch.length * width);
    for (const [row, of] of batch.entries()) {
      for (const [at, id] of of.entries()) ids[row * width + at] = BigInt(id);
      mask.fill(1n, row * width, row * width + of.length);
    }
    const feeds: Record<string, Tensor> = {};
    for (const name of session.inputNames) {
      const values =
        name === "input_ids" ? ids : name === "attention_mask" ? mask : new BigInt64Array(ids.length);
      feeds[name] = new Tensor("int64", values, shape);
    }
    const result = (await session.run(feeds, [output]))[output]!;
    return { data: result.data as Float32Array, dims: result.dims };
  }

  private async tryOut(): Promise<void> {
    const { plan } = this;
    const file = join(plan.dir, plan.model);
    const short = this.tokenizer.encode("a");
    const long = Array.from({ length: plan.maxTokens }, (_, at) => short[at % short.length]!);
    let dims: readonly number[];
    try {
      dims = (await this.forward([short, long])).dims;
    } catch (cause) {
      throw new EncoderError(
        "encoder_invalid",
        `${file} does not take ${plan.maxTokens} tokens of ${plan.tokenizer}: ${(cause as Error).message}`,
        { cause },
      );
    }
    const expected = this.graph.isPooled ? [2] : [2, plan.maxTokens];
    if (dims.length !== expected.length + 1 || expected.some((size, at) => dims[at] !== size)) {
      throw new EncoderError(
        "encoder_invalid",
        `${file}: ${this.graph.output} has the shape [${dims.join(", ")}], not [${expected.join(", ")}, dimensions]`,
      );
    }
    this.dimensions = dims.at(-1)!;
  }
}

async function openTokenizer(plan: EncoderPlan): Promise<TextTokenizer> {
  const read = async (name: string) => JSON.parse(await readFile(join(plan.dir, name), "utf8")) as object;
  try {
    const config = plan.tokenizerConfig === undefined ? {} : await read(plan.tokenizerConfig);
    return new TextTokenizer(await read(plan.tokenizer), config, plan);
  } catch (cause) {
    throw new EncoderError(
      "encoder_invalid",
      `${join(plan.dir, plan.tokenizer)} is not a tokenizer that can be used: ${(cause as Error).message}`,
      { cause },
    );
  }
}

async function openGraph(plan: EncoderPlan, threads: number): Promise<Graph> {
  const file = join(plan.dir, plan.model);
  let session: InferenceSession;
  try {
    session = await InferenceSession.create(file, {
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: "sequential",
      // Memory patterns are kept for every shape of input ever seen, and nearly every run has a new one.
      enableMemPattern: false,
      // Waiting threads sleep: a processor they would occupy is one that the rest of the process lacks.
      extra: { session: { intra_op: { allow_spinning: "0" } } },
    });
  } catch (cause) {
    throw new EncoderError(
      "encoder_invalid",
      `${file} is not a model that onnxruntime can run: ${(cause as Error).message}`,
      { cause },
    );
  }
  const unknown = session.inputNames.filter((name) => !knownInputs.includes(name));
  if (!session.inputNames.includes("input_ids") || unknown.length > 0) {
    throw new EncoderError(
      "encoder_unsupported",
      `${file} takes ${session.inputNames.join(", ")}; input_ids, attention_mask and token_type_ids can be given`,
    );
  }
  for (const input of session.inputMetadata) {
    if (input.isTensor && input.type === "int64") continue;
    throw new EncoderError("encoder_unsupported", `${file}: ${input.name} is not a tensor of int64`);
  }
  return { session, ...chooseOutput(session, file) };
}

/** Vectors of tokens come first: how they are pooled is what the folder says, not what an exporter assumed. */
function chooseOutput(session: InferenceSession, file: string): Pick<Graph, "output" | "isPooled"> {
  const { outputNames } = session;
  const output = [...tokenOutputs, ...textOutputs].find((name) => outputNames.includes(name));
  if (output === undefined) {
    throw new EncoderError(
      "encoder_unsupported",
      `${file} gives ${outputNames.join(", ")}; ${tokenOutputs.join(" or ")} is needed, or ${textOutputs[0]}`,
    );
  }
  const metadata = session.outputMetadata[outputNames.indexOf(output)];
  if (metadata?.isTensor && metadata.type === "float32")
    return { output, isPooled: textOutputs.includes(output) };
  throw new EncoderError("encoder_unsupported", `${file}: ${output} is not a tensor of float32`);
}

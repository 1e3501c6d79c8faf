import onnxProto, { type onnx } from "onnx-proto";
import type { QuantizedMatrix, RouterHead } from "@expert-router/classifier";

/**
 * Names of the model's inputs and output. `b` prompts, at most `l` features each; unused places have id 0 and weight 0.
 * `embedding` is there only for a router with a sentence encoder.
 */
export const graphNames = {
  ids: "ids",
  weights: "weights",
  embedding: "embedding",
  probabilities: "probabilities",
} as const;

/** ONNX versions of the graph: opset 15 is the newest of IR version 8, which `onnx-proto` describes. */
const opset = 15;
const irVersion = 8;

// A CommonJS module whose exports Node cannot name: the values come with the default import, the types by name.
const { AttributeProto, ModelProto, TensorProto } = onnxProto.onnx;
const { DataType } = TensorProto;

/**
 * The ONNX model of a head: sparse features (`ids` int32 [b, l], `weights` float [b, 1, l]), with an encoder also
 * `embedding` float [b, 1, d] → `probabilities` float [b, 1, classes].
 */
export function encodeRouterGraph(head: RouterHead, producer: string): Uint8Array {
  const graph = new GraphBuilder();
  const classes = head.kind === "linear" ? head.biases.length : head.offsets.length;
  let dimensions = 0;
  if (head.kind === "linear") {
    let sums = weightedRows(graph, head.weights);
    if (head.dense !== null) {
      dimensions = head.dense.length / classes;
      graph.constant("dense", DataType.FLOAT, [dimensions, classes], head.dense);
      graph.node("MatMul", [graphNames.embedding, "dense"], "embedded");
      graph.node("Add", [sums, "embedded"], "both");
      sums = "both";
    }
    graph.constant("biases", DataType.FLOAT, [classes], head.biases);
    graph.node("Add", [sums, "biases"], "scores");
  } else {
    const projected = weightedRows(graph, head.projection);
    graph.node("LpNormalization", [projected], "unit", { axis: -1, p: 2 });
    graph.constant("centers", DataType.FLOAT, [head.projection[0]!.columns, classes], head.centers);
    graph.node("MatMul", ["unit", "centers"], "products");
    graph.constant("offsets", DataType.FLOAT, [classes], head.offsets);
    graph.node("Add", ["products", "offsets"], "scores");
  }
  graph.node("Softmax", ["scores"], graphNames.probabilities, { axis: -1 });
  return graph.encode(producer, classes, dimensions);
}

/**
 * Adds Σ_l weights[b, 0, l] · matrix[ids[b, l]] and returns its name; [b, 1, columns]. The matrix stays as bytes in memory:
 * a run reads a few hundred of its rows from all over, and four times as many bytes would not fit the processor's caches.
 */
function weightedRows(graph: GraphBuilder, parts: readonly QuantizedMatrix[]): string {
  const { bytes, scales, rows, columns } = joinParts(parts);
  graph.constant("bytes", DataType.INT8, [rows, columns], bytes);
  graph.constant("scales", DataType.FLOAT, [columns], scales);
  graph.node("Gather", ["bytes", graphNames.ids], "gathered", { axis: 0 });
  graph.node("Cast", ["gathered"], "steps", { to: DataType.FLOAT });
  graph.node("MatMul", [graphNames.weights, "steps"], "stepSums");
  graph.node("Mul", ["stepSums", "scales"], "sums");
  return "sums";
}

/** One matrix of several, on the greater of their scales. */
function joinParts(parts: readonly QuantizedMatrix[]): QuantizedMatrix {
  if (parts.length === 1) return parts[0]!;
  const { columns } = parts[0]!;
  const scales = Float32Array.from({ length: columns }, (_, column) =>
    Math.max(...parts.map((part) => part.scales[column]!)),
  );
  const rows = parts.reduce((sum, part) => sum + part.rows, 0);
  const bytes = new Int8Array(rows * columns);
  let at = 0;
  for (const part of parts) {
    for (const [index, value] of part.bytes.entries()) {
      const column = index % columns;
      bytes[at++] = Math.round((value * part.scales[column]!) / scales[column]!);
    }
  }
  return { bytes, scales, rows, columns };
}

/** Collects the nodes and constants of one graph. */
class GraphBuilder {
  private readonly nodes: onnx.INodeProto[] = [];
  private readonly constants: onnx.ITensorProto[] = [];

  constant(name: string, dataType: number, dims: number[], values: ArrayBufferView): void {
    const rawData = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    this.constants.push({ name, dataType, dims, rawData });
  }

  node(opType: string, input: string[], output: string, attributes: Record<string, number> = {}): void {
    const attribute = Object.entries(attributes).map(([name, i]) => ({
      name,
      i,
      type: AttributeProto.AttributeType.INT,
    }));
    this.nodes.push({ opType, input, output: [output], name: output, attribute });
  }

  encode(producer: string, classes: number, dimensions: number): Uint8Array {
    const model = ModelProto.create({
      irVersion,
      producerName: producer,
      opsetImport: [{ domain: "", version: opset }],
      graph: {
        name: "router",
        node: this.nodes,
        initializer: this.constants,
        input: [
          tensor(graphNames.ids, DataType.INT32, ["b", "l"]),
          tensor(graphNames.weights, DataType.FLOAT, ["b", 1, "l"]),
          ...(dimensions > 0 ? [tensor(graphNames.embedding, DataType.FLOAT, ["b", 1, dimensions])] : []),
        ],
        output: [tensor(graphNames.probabilities, DataType.FLOAT, ["b", 1, classes])],
      },
    });
    return ModelProto.encode(model).finish();
  }
}

function tensor(name: string, elemType: number, dims: (string | number)[]): onnx.IValueInfoProto {
  const dim = dims.map((size) => (typeof size === "string" ? { dimParam: size } : { dimValue: size }));
  return { name, type: { tensorType: { elemType, shape: { dim } } } };
}

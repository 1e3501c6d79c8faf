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
 * Adds Σ_l weights[b, 0, l] · matrix[ids[b, l]] and returns its name; [b, 1, columns]. The matrix is stored in parts, as bytes, and
 * spelled out once, when the session folds its constants, so that a run gathers floats and has nothing to convert.
 */
function weightedRows(graph: GraphBuilder, parts: readonly QuantizedMatrix[]): string {
  const matrices = parts.map((part, index) => {
    graph.constant(`bytes${index}`, DataType.INT8, [part.rows, part.columns], part.bytes);
    graph.constant(`scales${index}`, DataType.FLOAT, [part.columns], part.scales);
    graph.node("Cast", [`bytes${index}`], `steps${index}`, { to: DataType.FLOAT });
    graph.node("Mul", [`steps${index}`, `scales${index}`], `matrix${index}`);
    return `matrix${index}`;
  });
  graph.node("Concat", matrices, "matrix", { axis: 0 });
  graph.node("Gather", ["matrix", graphNames.ids], "gathered", { axis: 0 });
  graph.node("MatMul", [graphNames.weights, "gathered"], "sums");
  return "sums";
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

import type { EngineKind } from "@expert-router/contracts";
import type { EngineOptions } from "./engine-options.js";
import { EngineStream, type StreamSettings } from "./engine-stream.js";
import type { EngineFamily } from "./families/engine-family.js";
import { finishEvent, lengthReached } from "./finish-event.js";
import type { EngineCall, EngineCapabilities, EngineEvent, InferenceEngine } from "./inference-engine.js";
import { tritonBody } from "./triton-body.js";
import { TritonDecoder } from "./triton-decoder.js";
import { Upstream } from "./upstream.js";

/** A model on NVIDIA Triton, by `generate_stream`. */
export class TritonEngine implements InferenceEngine {
  readonly kind: EngineKind;
  readonly capabilities: EngineCapabilities;
  private readonly upstream: Upstream;
  private readonly settings: StreamSettings;

  constructor(
    private readonly family: EngineFamily,
    private readonly options: EngineOptions,
  ) {
    this.kind = options.kind;
    this.capabilities = family.capabilities;
    this.upstream = new Upstream(options);
    this.settings = {
      firstTokenMs: options.firstTokenTimeoutMs,
      interTokenMs: options.interTokenTimeoutMs,
      disguisedRejection: family.disguisedRejection,
    };
  }

  generate(call: EngineCall, signal: AbortSignal): AsyncIterable<readonly EngineEvent[]> {
    return { [Symbol.asyncIterator]: () => this.start(call, signal) };
  }

  /** Ready means that the server is up and this model is loaded. */
  async healthy(timeoutMs: number): Promise<boolean> {
    const { upstream } = this;
    const paths = [this.family.healthPaths, [`${this.modelPath()}/ready`]];
    const ready = await Promise.all(paths.map((path) => upstream.answers(path, timeoutMs)));
    return ready.every(Boolean);
  }

  close(): Promise<void> {
    return this.upstream.close();
  }

  private start(call: EngineCall, signal: AbortSignal): AsyncIterator<readonly EngineEvent[]> {
    const body = tritonBody(call);
    if (body === "complete") return lengthReached(call.endpoint);
    const decoder = new TritonDecoder((reason) => finishEvent(call.endpoint, reason));
    const { pool, headers } = this.upstream;
    const path = this.upstream.pathOf(`${this.modelPath()}/generate_stream`);
    const request = { method: "POST", path, headers, body: JSON.stringify(body) } as const;
    return new EngineStream(decoder, this.settings, signal, (handler) => pool.dispatch(request, handler));
  }

  private modelPath(): string {
    return `/v2/models/${encodeURIComponent(this.options.model)}`;
  }
}

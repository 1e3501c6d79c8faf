import type { EngineKind } from "@expert-router/contracts";
import type { EngineLoad } from "./engine-load.js";
import type { EngineOptions } from "./engine-options.js";
import { EnginePulse } from "./engine-pulse.js";
import { EngineStream, type StreamSettings } from "./engine-stream.js";
import type { EngineFamily } from "./families/engine-family.js";
import { lengthReached } from "./finish-event.js";
import type { EngineCall, EngineCapabilities, EngineEvent, InferenceEngine } from "./inference-engine.js";
import { openAiBody } from "./openai-body.js";
import { OpenAiDecoder } from "./openai-decoder.js";
import { LoadReader } from "./load-reader.js";
import { Upstream } from "./upstream.js";

/** An inference server that speaks OpenAI's protocol, in the dialect of its family. */
export class OpenAiEngine implements InferenceEngine {
  readonly kind: EngineKind;
  readonly capabilities: EngineCapabilities;
  private readonly upstream: Upstream;
  readonly load: ((timeoutMs: number) => Promise<EngineLoad | undefined>) | undefined;
  private readonly pulse = new EnginePulse();
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
      pulse: this.pulse,
    };
    if (family.load === undefined) return;
    const reader = new LoadReader(this.upstream, family.load);
    this.load = async (timeoutMs) => {
      const load = await reader.read(timeoutMs);
      if (load !== undefined) this.pulse.noteWaiting(load.waiting ?? 0);
      return load;
    };
  }

  generate(call: EngineCall, signal: AbortSignal): AsyncIterable<readonly EngineEvent[]> {
    return { [Symbol.asyncIterator]: () => this.start(call, signal) };
  }

  healthy(timeoutMs: number): Promise<boolean> {
    return this.upstream.answers(this.family.healthPaths, timeoutMs);
  }

  close(): Promise<void> {
    return this.upstream.close();
  }

  private start(call: EngineCall, signal: AbortSignal): AsyncIterator<readonly EngineEvent[]> {
    const body = openAiBody(call, this.family, this.options.model);
    if (body === "complete") return lengthReached(call.endpoint);
    const decoder = new OpenAiDecoder(call.endpoint, this.family.endsWithDone);
    const { pool, headers } = this.upstream;
    const request = {
      method: "POST",
      path: this.upstream.pathOf(call.endpoint),
      headers,
      body: JSON.stringify(body),
    } as const;
    return new EngineStream(decoder, this.settings, signal, (handler) => pool.dispatch(request, handler));
  }
}

import type { EngineKind } from "@expert-router/contracts";
import type { UpstreamOptions } from "./upstream.js";

/** One configured inference server. */
export interface EngineOptions extends UpstreamOptions {
  readonly kind: EngineKind;
  /** The model's name on that server. */
  readonly model: string;
  readonly firstTokenTimeoutMs: number;
  readonly interTokenTimeoutMs: number;
}

import type { EngineKind } from "@expert-router/contracts";
import type { LoadPages } from "../engine-load.js";
import type { EngineCapabilities } from "../inference-engine.js";

/** The facts about one family of inference servers. docs/engines.md says which were verified by running it. */
export interface EngineFamily {
  readonly kind: EngineKind;
  readonly capabilities: EngineCapabilities;
  /** Asked one after the other until one is known to the server. */
  readonly healthPaths: readonly string[];
  /** Where it tells its load; undefined where it does not. */
  readonly load?: LoadPages | undefined;
  /** Every stream ends with `data: [DONE]`; otherwise a finish reason is taken for the end. */
  readonly endsWithDone: boolean;
  /** It takes `stream_options.include_usage`, or at least overlooks it. */
  readonly takesUsageOption: boolean;
  /** The message of a 5xx answer that in truth refuses the request; undefined where statuses can be trusted. */
  readonly disguisedRejection?: RegExp | undefined;
  /** Tokens of a text completion whose body names no limit; undefined: as many as fit, or not known. */
  readonly completionTokensDefault?: number | undefined;
  /** Body fields that make it go on behind a last assistant message; undefined where it cannot. */
  readonly continuationFields?: Readonly<Record<string, unknown>> | undefined;
}

import type { DecisionRecord, RequestId, RequestRecord } from "@expert-router/contracts";
import type { ExpertLoad } from "../experts/expert-load.js";
import { replayedHeader } from "../idempotency/idempotency-key.js";

/** Response headers that name the request and the decision. */
export function decisionHeaders(id: RequestId, decision: DecisionRecord): Record<string, string> {
  return {
    "x-request-id": id,
    "x-expert-router-expert": decision.expert,
    "x-expert-router-confidence": String(Math.round(decision.confidence * 10_000) / 10_000),
  };
}

/** All headers of an answer to a request that makes work, `load` is that of its expert; `repeated`: the work was made before. */
export function answerHeaders(
  { id, decision, priorityClass, expectedTokens }: RequestRecord,
  load: ExpertLoad,
  { repeated = false } = {},
): Record<string, string> {
  return {
    ...decisionHeaders(id, decision),
    ...load.rateLimitHeaders(priorityClass, expectedTokens),
    ...(repeated && { [replayedHeader]: "true" }),
  };
}

import {
  batchRequestId,
  CodedError,
  type Batch,
  type BatchId,
  type DecisionRecord,
  type Endpoint,
  type RequestRecord,
} from "@expert-router/contracts";
import { refused, type BatchErrorCode, type BatchLine, type BatchResult } from "@expert-router/batch";
import { Inject, Injectable } from "@nestjs/common";
import { bodySchemas } from "../completions/completions.controller.js";
import { autoModel, ExpertChooser } from "../completions/expert-chooser.js";
import {
  classifierInput,
  expectedTokens,
  isContinuable,
  requestOrigin,
} from "../completions/request-traits.js";
import { ExpertMonitor } from "../experts/expert-monitor.js";
import { maxNesting } from "../http/json-body.js";
import { validate } from "../http/request-validation.js";
import { INGRESS_CONTEXT } from "../wiring/injection-tokens.js";
import type { IngressContext } from "../wiring/ingress-options.js";
import { prefixKeys } from "../completions/prefix-keys.js";

/** Makes the lines of batches into requests. */
@Injectable()
export class LineRequests {
  private readonly models: ReadonlySet<string>;

  constructor(
    @Inject(INGRESS_CONTEXT) context: IngressContext,
    @Inject(ExpertChooser) private readonly chooser: ExpertChooser,
    @Inject(ExpertMonitor) private readonly monitor: ExpertMonitor,
  ) {
    this.models = new Set([autoModel, ...context.settings.system.experts.map((expert) => expert.id)]);
  }

  /** What makes the whole file unfit to run, beyond the form of its lines. */
  problem({ body }: BatchLine): { code: BatchErrorCode; message: string; param: string } | undefined {
    const model = body["model"] as string;
    if (this.models.has(model)) return undefined;
    const message = `The model '${model.slice(0, 100)}' does not exist. GET /v1/models lists those that do.`;
    return { code: "model_not_found", message, param: "body.model" };
  }

  /**
   * The request of a line, routed by its content unless it was `decided` before; or its result, where its body is none that the
   * endpoint takes.
   */
  async request(
    batch: Batch,
    tenant: string,
    line: BatchLine,
    decided?: DecisionRecord,
  ): Promise<RequestRecord | BatchResult> {
    const endpoint = batch.endpoint as Endpoint;
    const id = batchRequestId(batch.id as BatchId, line.line);
    const body = line.body as Record<string, unknown>;
    try {
      refuseDeepNesting(body);
      const { model } = validate(bodySchemas[endpoint], body);
      const createdAtMs = Date.now();
      const decision =
        decided ??
        (await this.chooser.choose(
          model,
          classifierInput(endpoint, body),
          requestOrigin({ id, tenant }, body),
          "batch",
        ));
      const { meanAnswerTokens } = this.monitor.load(decision.expert);
      return {
        id,
        kind: "batch",
        endpoint,
        body,
        decision,
        tenant,
        prefix: prefixKeys(endpoint, body, tenant),
        priorityClass: "batch",
        expectedTokens: expectedTokens(body, { bodyBytes: line.bytes, meanAnswerTokens }),
        createdAtMs,
        deadlineAtMs: batch.expires_at === null ? undefined : batch.expires_at * 1_000,
        continuable: isContinuable(endpoint, body),
        exposed: false,
      };
    } catch (error) {
      // What the router says of load passes; what it says of the body does not.
      if (!(error instanceof CodedError) || error.definition.retryable) throw error;
      const at = { batchId: batch.id as BatchId, line: line.line, customId: line.customId };
      return refused(at, error.definition.status, error.toBody());
    }
  }
}

/** Level by level, because recursion would not survive what it looks for. */
function refuseDeepNesting(body: object): void {
  let level: object[] = [body];
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > maxNesting) {
      throw new CodedError(
        "invalid_value",
        `The request body is nested more than ${maxNesting} levels deep.`,
      );
    }
    level = level.flatMap((each) => Object.values(each).filter(isObject));
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

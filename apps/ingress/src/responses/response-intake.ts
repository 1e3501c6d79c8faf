import {
  CodedError,
  type ChatMessage,
  type RequestId,
  type RequestRecord,
  type RequestState,
  type ResponseRequest,
} from "@expert-router/contracts";
import { Inject, Injectable } from "@nestjs/common";
import type { FastifyReply, FastifyRequest } from "fastify";
import { Admission } from "../admission/admission.js";
import { ExpertChooser } from "../completions/expert-chooser.js";
import { prefixKeys } from "../completions/prefix-keys.js";
import { priorityHeader, readPriority } from "../completions/priority.js";
import { RepeatedRequests } from "../completions/repeated-request.js";
import { answerHeaders } from "../completions/answer-headers.js";
import {
  classifierInput,
  expectedTokens,
  isContinuable,
  requestOrigin,
} from "../completions/request-traits.js";
import { ExpertMonitor } from "../experts/expert-monitor.js";
import { syncTenant } from "../http/tenant.js";
import { INGRESS_CONTEXT } from "../wiring/injection-tokens.js";
import type { IngressContext } from "../wiring/ingress-options.js";
import { ResponseDesk } from "./response-desk.js";
import { chatBody, echoOf, inputMessages } from "./response-request.js";

const endpoint = "/v1/chat/completions";
/** Messages of a whole conversation. */
const maxMessages = 10_000;

/** A response that was let in, or found. */
export interface EnteredResponse {
  readonly state: RequestState;
  readonly keyed: boolean;
  readonly repeated: boolean;
  readonly headers: Readonly<Record<string, string>>;
}

/** Makes requests of the Responses API requests of the system, and lets them in. */
@Injectable()
export class ResponseIntake {
  constructor(
    @Inject(INGRESS_CONTEXT) private readonly context: IngressContext,
    @Inject(ExpertChooser) private readonly chooser: ExpertChooser,
    @Inject(ExpertMonitor) private readonly monitor: ExpertMonitor,
    @Inject(Admission) private readonly admission: Admission,
    @Inject(RepeatedRequests) private readonly repeats: RepeatedRequests,
    @Inject(ResponseDesk) private readonly desk: ResponseDesk,
  ) {}

  /**
   * Lets the request in and submits it with `submit`, or finds the one that its Idempotency-Key stands for.
   * `keyed`: it has a key; `repeated`: it was made before; `headers`: of the answer, `reply` has them already.
   */
  async once(
    asked: ResponseRequest,
    request: FastifyRequest,
    reply: FastifyReply,
    submit: (record: RequestRecord) => Promise<RequestState>,
  ): Promise<EnteredResponse> {
    const enter = async (id: RequestId, repeatable?: true): Promise<RequestState> =>
      submit(await this.admit({ ...(await this.accept(asked, request)), id, repeatable }, reply));
    const kind = asked.store === false ? "sync" : "job";
    const found = await this.repeats.once(request, {
      route: "/v1/responses",
      kind,
      waits: asked.background !== true,
      submit: (id) => enter(id, true),
    });
    const state = found?.state ?? (await enter(request.id as RequestId));
    const repeated = found?.repeated === true;
    // Of the one that stands: somebody else may have made it, for another expert.
    const headers = answerHeaders(state, this.monitor.load(state.decision.expert), { repeated });
    reply.headers(headers);
    return { state, keyed: found !== undefined, repeated, headers };
  }

  private async admit(record: RequestRecord, reply: FastifyReply): Promise<RequestRecord> {
    reply.headers(answerHeaders(record, this.monitor.load(record.decision.expert)));
    const bytes = JSON.stringify(record.body).length;
    if (bytes > this.context.tuning.bodyLimitBytes) {
      const message = "The conversation is larger than 4 MB together with this input.";
      throw new CodedError("request_too_large", message, { param: "previous_response_id" });
    }
    await this.admission.admit(record, bytes);
    return record;
  }

  private async accept(asked: ResponseRequest, request: FastifyRequest): Promise<RequestRecord> {
    const { instructions, previous_response_id: previous, background, stream, metadata } = asked;
    const before = previous == null ? [] : await this.desk.conversation(previous, request.tenant);
    const head: ChatMessage[] = instructions == null ? [] : [{ role: "system", content: instructions }];
    const messages = [...head, ...before, ...inputMessages(asked)];
    if (messages.length > maxMessages) {
      const message = `The conversation has more than ${maxMessages} messages together with this input.`;
      throw new CodedError("invalid_value", message, { param: "previous_response_id" });
    }
    const body = chatBody(asked, messages);
    const stored = asked.store !== false;
    const waits = background !== true;
    const tenant = stored ? request.tenant : syncTenant(request, body);
    const priorityClass = readPriority(request.headers[priorityHeader], waits ? "interactive" : "async");
    const input = classifierInput(endpoint, body);
    const origin = requestOrigin(request, body);
    const decision = await this.chooser.choose(asked.model, input, origin, priorityClass);
    const { meanAnswerTokens } = this.monitor.load(decision.expert);
    const createdAtMs = Date.now();
    const { syncTimeoutS } = this.context.settings.system.limits;
    return {
      id: request.id as RequestId,
      kind: stored ? "job" : "sync",
      endpoint,
      body,
      decision,
      tenant,
      priorityClass,
      expectedTokens: expectedTokens(body, { bodyBytes: request.bodyBytes, meanAnswerTokens }),
      prefix: prefixKeys(endpoint, body, tenant),
      createdAtMs,
      deadlineAtMs: waits ? createdAtMs + syncTimeoutS * 1_000 : undefined,
      ...(metadata != null && { metadata }),
      continuable: isContinuable(endpoint, body),
      exposed: waits && stream === true,
      response: {
        background: !waits,
        stored,
        instructionMessages: head.length,
        echo: echoOf(asked),
      },
    };
  }
}

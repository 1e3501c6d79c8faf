import {
  chatCompletionRequestSchema,
  completionRequestSchema,
  type Endpoint,
  type RequestId,
  type RequestRecord,
  type RequestState,
} from "@expert-router/contracts";
import { Controller, HttpCode, Inject, Post, Req, Res } from "@nestjs/common";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { AnswerContext } from "../answers/answer-context.js";
import { isFinal } from "../jobs/job-view.js";
import { OpenAnswers } from "../answers/open-answers.js";
import { QueuePlaces } from "../answers/queue-places.js";
import { StreamedAnswer } from "../answers/streamed-answer.js";
import { WholeAnswer } from "../answers/whole-answer.js";
import { Admission } from "../admission/admission.js";
import { ExpertMonitor } from "../experts/expert-monitor.js";
import { syncTenant } from "../http/tenant.js";
import { validate } from "../http/request-validation.js";
import { INGRESS_CONTEXT } from "../wiring/injection-tokens.js";
import type { IngressContext } from "../wiring/ingress-options.js";
import { ExpertChooser } from "./expert-chooser.js";
import { prefixKeys } from "./prefix-keys.js";
import { priorityHeader, readPriority } from "./priority.js";
import { answerHeaders } from "./answer-headers.js";
import { RequestIntake } from "./request-intake.js";
import { RequestObservers } from "./request-observers.js";
import { RepeatedRequests } from "./repeated-request.js";
import {
  classifierInput,
  expectedTokens,
  isContinuable,
  requestOrigin,
  wantsUsage,
} from "./request-traits.js";
import type { WaitingSink } from "./waiting-sink.js";
import { onClosed } from "../http/on-closed.js";

/** Makes tokens come to a sink. */
type Begin = (sink: WaitingSink) => Promise<unknown> | void;

/** The body schema of each endpoint. */
export const bodySchemas = {
  "/v1/chat/completions": chatCompletionRequestSchema,
  "/v1/completions": completionRequestSchema,
} as const;

/** OpenAI's two generating endpoints: the client waits for the answer, whole or streamed. */
@Controller("v1")
export class CompletionsController {
  constructor(
    @Inject(INGRESS_CONTEXT) private readonly context: IngressContext,
    @Inject(ExpertChooser) private readonly chooser: ExpertChooser,
    @Inject(ExpertMonitor) private readonly monitor: ExpertMonitor,
    @Inject(RequestIntake) private readonly intake: RequestIntake,
    @Inject(Admission) private readonly admission: Admission,
    @Inject(QueuePlaces) private readonly places: QueuePlaces,
    @Inject(OpenAnswers) private readonly open: OpenAnswers,
    @Inject(RequestObservers) private readonly observers: RequestObservers,
    @Inject(RepeatedRequests) private readonly repeats: RepeatedRequests,
  ) {}

  @Post("chat/completions")
  @HttpCode(200)
  chat(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.answer("/v1/chat/completions", request, reply);
  }

  @Post("completions")
  @HttpCode(200)
  complete(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.answer("/v1/completions", request, reply);
  }

  private async answer(endpoint: Endpoint, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const admit = async (id: RequestId, repeatable?: true): Promise<RequestRecord> => {
      const record = { ...(await this.accept(endpoint, request)), id, repeatable };
      reply.headers(answerHeaders(record, this.monitor.load(record.decision.expert)));
      await this.admission.admit(record, request.bodyBytes);
      return record;
    };
    const keyed = await this.repeats.once(request, {
      route: endpoint,
      kind: "sync",
      submit: async (id) => this.intake.submit(await admit(id, true)),
    });
    const record = keyed?.state ?? (await admit(request.id as RequestId));
    const { expert } = record.decision;
    const headers = answerHeaders(record, this.monitor.load(expert), keyed);
    reply.headers(headers);
    const context: AnswerContext = {
      identity: { id: record.id, endpoint, model: expert, created: Math.floor(record.createdAtMs / 1_000) },
      acceptedAtMs: record.createdAtMs,
      deadlineAtMs: this.deadlineOf(record, keyed?.state),
      startByMs: keyed?.repeated === true ? undefined : this.startByMs(record),
      headers,
      observer: keyed?.repeated === true ? this.observers.ofRepeat(record) : this.observers.of(record),
    };
    // The request tells, not the record: anybody who follows it may have exposed it meanwhile, and its body goes at its end.
    const body = request.body as Record<string, unknown>;
    const streams = body["stream"] === true;
    const begin = (sink: WaitingSink): ReturnType<Begin> =>
      keyed === undefined
        ? this.intake.submit(record, sink)
        : this.intake.join(record, sink, { exposes: streams, first: !keyed.repeated });
    if (streams) await this.stream(record, body, context, reply, begin);
    else await this.whole(context, reply, begin);
  }

  /** A repeat of a request that has ended gets the time of a new one to read the answer. */
  private deadlineOf(record: RequestRecord, state: RequestState | undefined): number | undefined {
    const { syncTimeoutS } = this.context.settings.system.limits;
    return state !== undefined && isFinal(state) ? Date.now() + syncTimeoutS * 1_000 : record.deadlineAtMs;
  }

  /** Where waiting has a bound of its own. */
  private startByMs({ createdAtMs }: RequestRecord): number | undefined {
    const { queueTimeoutS, syncTimeoutS } = this.context.settings.system.limits;
    return queueTimeoutS < syncTimeoutS ? createdAtMs + queueTimeoutS * 1_000 : undefined;
  }

  private async accept(endpoint: Endpoint, request: FastifyRequest): Promise<RequestRecord> {
    const body = request.body as Record<string, unknown>;
    const { model, stream } = validate(bodySchemas[endpoint], body);
    const createdAtMs = Date.now();
    const tenant = syncTenant(request, body);
    const priorityClass = readPriority(request.headers[priorityHeader], "interactive");
    const input = classifierInput(endpoint, body);
    const decision = await this.chooser.choose(model, input, requestOrigin(request, body), priorityClass);
    const { meanAnswerTokens } = this.monitor.load(decision.expert);
    return {
      id: request.id as RequestId,
      kind: "sync",
      endpoint,
      body,
      decision,
      tenant,
      priorityClass,
      expectedTokens: expectedTokens(body, { bodyBytes: request.bodyBytes, meanAnswerTokens }),
      prefix: prefixKeys(endpoint, body, tenant),
      createdAtMs,
      deadlineAtMs: createdAtMs + this.context.settings.system.limits.syncTimeoutS * 1_000,
      continuable: isContinuable(endpoint, body),
      exposed: stream === true,
    };
  }

  private async stream(
    record: RequestRecord,
    body: Record<string, unknown>,
    context: AnswerContext,
    reply: FastifyReply,
    begin: Begin,
  ): Promise<void> {
    const { waitingCommentAfterMs } = this.context.tuning;
    const answer = new StreamedAnswer(reply, context, {
      includeUsage: wantsUsage(body),
      waitingCommentAfterMs,
    });
    this.open.track(answer, reply.raw);
    this.context.metrics.openStreams.inc();
    onClosed(reply.raw, () => this.context.metrics.openStreams.dec());
    try {
      await begin(answer);
      this.places.watch(record, answer);
    } catch (error) {
      answer.discard();
      throw error;
    }
    await answer.begun;
  }

  private async whole(context: AnswerContext, reply: FastifyReply, begin: Begin): Promise<void> {
    const answer = new WholeAnswer(reply.raw, context);
    this.open.track(answer, reply.raw);
    try {
      await begin(answer);
    } catch (error) {
      answer.discard();
      throw error;
    }
    const body = await answer.body;
    if (body === undefined) return void reply.hijack();
    if (answer.queueMs !== undefined) reply.header("x-expert-router-queue-ms", answer.queueMs);
    void reply.send(body);
  }
}

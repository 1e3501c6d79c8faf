import {
  chatCompletionRequestSchema,
  completionRequestSchema,
  type Endpoint,
  type RequestId,
  type RequestRecord,
  type Terminal,
} from "@expert-router/contracts";
import { Controller, HttpCode, Inject, Post, Req, Res } from "@nestjs/common";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { AnswerContext, AnswerObserver } from "../answers/answer-context.js";
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
import { decisionHeaders, expired, RequestIntake } from "./request-intake.js";
import {
  classifierInput,
  expectedTokens,
  isContinuable,
  requestOrigin,
  wantsUsage,
} from "./request-traits.js";

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
    const record = await this.accept(endpoint, request);
    const { expert } = record.decision;
    const load = this.monitor.load(expert);
    const headers = {
      ...decisionHeaders(record.id, record.decision),
      ...load.rateLimitHeaders(record.priorityClass, record.expectedTokens),
    };
    reply.headers(headers);
    await this.admission.admit(record, request.bodyBytes);
    const context: AnswerContext = {
      identity: { id: record.id, endpoint, model: expert, created: Math.floor(record.createdAtMs / 1_000) },
      acceptedAtMs: record.createdAtMs,
      deadlineAtMs: record.deadlineAtMs,
      startByMs: this.startByMs(record),
      headers,
      observer: this.observe(record),
    };
    if (record.exposed) await this.stream(record, context, reply);
    else await this.whole(record, context, reply);
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

  private async stream(record: RequestRecord, context: AnswerContext, reply: FastifyReply): Promise<void> {
    const { waitingCommentAfterMs } = this.context.tuning;
    const answer = new StreamedAnswer(reply, context, {
      includeUsage: wantsUsage(record.body),
      waitingCommentAfterMs,
    });
    this.open.track(answer, reply.raw);
    this.context.metrics.openStreams.inc();
    reply.raw.once("close", () => this.context.metrics.openStreams.dec());
    try {
      await this.intake.submit(record, answer);
      this.places.watch(record, answer);
    } catch (error) {
      answer.discard();
      throw error;
    }
    await answer.begun;
  }

  private async whole(record: RequestRecord, context: AnswerContext, reply: FastifyReply): Promise<void> {
    const answer = new WholeAnswer(reply.raw, context);
    this.open.track(answer, reply.raw);
    try {
      await this.intake.submit(record, answer);
    } catch (error) {
      answer.discard();
      throw error;
    }
    const body = await answer.body;
    if (body === undefined) return void reply.hijack();
    if (answer.queueMs !== undefined) reply.header("x-expert-router-queue-ms", answer.queueMs);
    void reply.send(body);
  }

  private observe({ id, createdAtMs, deadlineAtMs, decision: { expert } }: RequestRecord): AnswerObserver {
    const { metrics, logger } = this.context;
    return {
      firstToken: (seconds) => metrics.ttftSeconds.observe({ expert }, seconds),
      ended: ({ status, usage }) => {
        metrics.requestSeconds.observe({ expert, status }, (Date.now() - createdAtMs) / 1_000);
        if (usage !== undefined) this.monitor.load(expert).observeAnswer(usage.completion_tokens);
      },
      abandoned: () => {
        const now = Date.now();
        // After the deadline nobody can leave any more: the request had ended, unless Redis was away.
        const terminal: Terminal =
          deadlineAtMs !== undefined && deadlineAtMs <= now ? expired : { status: "cancelled" };
        metrics.requestSeconds.observe({ expert, status: terminal.status }, (now - createdAtMs) / 1_000);
        void this.intake.takeOut(id, expert, terminal);
      },
      waitedLong: () => void this.intake.takeOutWaiting(id, expert),
      late: () => void this.intake.takeOut(id, expert, expired),
      failedInStream: (error) => {
        metrics.errors.inc({ code: error.code });
        logger.warn({ requestId: id, expert, code: error.code }, "a stream ended with an error");
      },
    };
  }
}

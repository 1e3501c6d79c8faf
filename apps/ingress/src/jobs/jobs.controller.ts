import {
  CodedError,
  comparePositions,
  jobEventsQuerySchema,
  jobListQuerySchema,
  jobSubmissionSchema,
  parsePosition,
  startPosition,
  terminalPosition,
  type Job,
  type JobList,
  type Position,
  type RequestId,
  type RequestRecord,
  type RequestState,
} from "@expert-router/contracts";
import { Controller, Get, HttpCode, Inject, Param, Post, Req, Res } from "@nestjs/common";
import type { FastifyReply, FastifyRequest } from "fastify";
import { Admission } from "../admission/admission.js";
import { OpenAnswers } from "../answers/open-answers.js";
import { QueuePlaces } from "../answers/queue-places.js";
import { bodySchemas } from "../completions/completions.controller.js";
import { ExpertChooser } from "../completions/expert-chooser.js";
import { prefixKeys } from "../completions/prefix-keys.js";
import { priorityHeader, readPriority } from "../completions/priority.js";
import { RepeatedRequests } from "../completions/repeated-request.js";
import { answerHeaders, decisionHeaders } from "../completions/answer-headers.js";
import {
  classifierInput,
  expectedTokens,
  isContinuable,
  requestOrigin,
} from "../completions/request-traits.js";
import { ExpertMonitor } from "../experts/expert-monitor.js";
import { validate } from "../http/request-validation.js";
import { INGRESS_CONTEXT, INGRESS_PORTS } from "../wiring/injection-tokens.js";
import type { IngressContext } from "../wiring/ingress-options.js";
import type { IngressPorts } from "../wiring/ports.js";
import { webhookTarget } from "../webhooks/webhook-target.js";
import { answerIdentity } from "./assembled-response.js";
import { JobDesk } from "./job-desk.js";
import { JobEvents } from "./job-events.js";

const maxMetadataPairs = 16;

/** Work that nobody waits for with an open connection. */
@Controller("v1/jobs")
export class JobsController {
  constructor(
    @Inject(INGRESS_CONTEXT) private readonly context: IngressContext,
    @Inject(INGRESS_PORTS) private readonly ports: IngressPorts,
    @Inject(ExpertChooser) private readonly chooser: ExpertChooser,
    @Inject(ExpertMonitor) private readonly monitor: ExpertMonitor,
    @Inject(JobDesk) private readonly desk: JobDesk,
    @Inject(Admission) private readonly admission: Admission,
    @Inject(QueuePlaces) private readonly places: QueuePlaces,
    @Inject(OpenAnswers) private readonly open: OpenAnswers,
    @Inject(RepeatedRequests) private readonly repeats: RepeatedRequests,
  ) {}

  @Post()
  async submit(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const submit = async (id: RequestId, repeatable?: true): Promise<RequestState> => {
      const record = { ...(await this.accept(request)), id, repeatable };
      reply.headers(answerHeaders(record, this.monitor.load(record.decision.expert)));
      await this.admission.admit(record, request.bodyBytes);
      return this.desk.submit(record);
    };
    const keyed = await this.repeats.once(request, {
      route: "/v1/jobs",
      kind: "job",
      submit: (id) => submit(id, true),
    });
    const state = keyed?.state ?? (await submit(request.id as RequestId));
    // Of the one that stands: somebody else may have made it, for another expert.
    reply.headers(answerHeaders(state, this.monitor.load(state.decision.expert), keyed));
    const job = await (keyed?.repeated === true ? this.desk.view(state) : this.desk.submittedView(state));
    void reply.code(202).header("location", `/v1/jobs/${job.id}`).send(job);
  }

  @Get()
  list(@Req() request: FastifyRequest): Promise<JobList> {
    return this.desk.list(request.tenant, validate(jobListQuerySchema, nestedQuery(request.query)));
  }

  @Get(":id")
  async get(@Req() request: FastifyRequest, @Param("id") id: string): Promise<Job> {
    return this.desk.view(await this.desk.read(id, request.tenant));
  }

  @Post(":id/cancel")
  @HttpCode(200)
  cancel(@Req() request: FastifyRequest, @Param("id") id: string): Promise<Job> {
    return this.desk.cancel(id, request.tenant);
  }

  @Get(":id/events")
  async events(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param("id") id: string,
  ): Promise<void> {
    const { tenant } = request;
    const { starting_after: startingAfter } = validate(jobEventsQuerySchema, request.query);
    const after = readAfter(request.headers["last-event-id"], startingAfter);
    const state = await this.desk.read(id, tenant);
    // Nothing follows the end, and 204 tells a browser's EventSource not to come back.
    if (comparePositions(after, terminalPosition) >= 0) return void reply.code(204).send();
    this.desk.watchDeadline(state);
    const events = new JobEvents(reply, {
      identity: answerIdentity(state),
      after,
      headers: decisionHeaders(request.id as RequestId, state.decision),
      pingMs: this.context.tuning.pingMs,
      finalJob: async () => this.desk.view(await this.desk.read(id, tenant)),
    });
    this.open.track(events, reply.raw);
    if (state.status === "queued") this.places.watch(state, events);
    events.attach(this.ports.follower.follow(state.id, events, { after }));
  }

  private async accept(request: FastifyRequest): Promise<RequestRecord> {
    const {
      endpoint,
      body,
      metadata,
      deadline_s: deadlineS,
      priority,
      webhook,
      expires_after_s: expiresAfterS,
    } = validate(jobSubmissionSchema, request.body);
    const { model } = validate(bodySchemas[endpoint], body, "body");
    if (Object.keys(metadata ?? {}).length > maxMetadataPairs) {
      const message = `Invalid value for 'metadata': at most ${maxMetadataPairs} pairs.`;
      throw new CodedError("invalid_value", message, { param: "metadata" });
    }
    const { settings } = this.context;
    const { jobsS } = settings.system.retention;
    if (expiresAfterS !== undefined && expiresAfterS > jobsS) {
      const message = `Invalid value for 'expires_after_s': at most ${jobsS}, which the operator has set.`;
      throw new CodedError("invalid_value", message, { param: "expires_after_s" });
    }
    const createdAtMs = Date.now();
    const priorityClass = priority ?? readPriority(request.headers[priorityHeader], "async");
    const input = classifierInput(endpoint, body);
    const decision = await this.chooser.choose(model, input, requestOrigin(request, body), priorityClass);
    const { meanAnswerTokens } = this.monitor.load(decision.expert);
    return {
      id: request.id as RequestId,
      kind: "job",
      endpoint,
      body,
      decision,
      tenant: request.tenant,
      priorityClass,
      expectedTokens: expectedTokens(body, { bodyBytes: request.bodyBytes, meanAnswerTokens }),
      prefix: prefixKeys(endpoint, body, request.tenant),
      createdAtMs,
      deadlineAtMs: deadlineS === undefined ? undefined : createdAtMs + Math.round(deadlineS * 1_000),
      metadata,
      keptMs: expiresAfterS === undefined ? undefined : expiresAfterS * 1_000,
      webhook:
        webhook === undefined
          ? undefined
          : webhookTarget(webhook, settings.system.webhooks, settings.webhookSecret !== undefined),
      continuable: isContinuable(endpoint, body),
      exposed: false,
    };
  }
}

/** `{ metadata: { a: "b" } }` from `metadata[a]=b`. */
function nestedQuery(query: unknown): Record<string, unknown> {
  const nested: Record<string, unknown> = {};
  const metadata: [string, unknown][] = [];
  for (const [name, value] of Object.entries(query as Record<string, unknown>)) {
    const key = /^metadata\[(.*)\]$/s.exec(name)?.[1];
    if (key === undefined) nested[name] = value;
    else metadata.push([key, value]);
  }
  // Its keys are the client's.
  if (metadata.length > 0) nested["metadata"] = Object.fromEntries(metadata);
  return nested;
}

/** The place behind which a client wants to go on. The header wins: a browser repeats the URL and updates the header. */
function readAfter(header: string | string[] | undefined, query: string | undefined): Position {
  const [name, text] =
    header === undefined || header === "" ? ["starting_after", query] : ["Last-Event-ID", header];
  if (text === undefined || text === "") return startPosition;
  const position = typeof text === "string" ? parsePosition(text) : undefined;
  if (position !== undefined) return position;
  throw new CodedError(
    "invalid_value",
    `Invalid value for '${name}': expected the id of an event, as '1-17'.`,
    { param: name },
  );
}

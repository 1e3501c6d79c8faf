import {
  CodedError,
  responseQuerySchema,
  type RequestState,
  type ResponseObject,
} from "@expert-router/contracts";
import { Controller, Delete, Get, HttpCode, Inject, Param, Post, Req, Res } from "@nestjs/common";
import type { FastifyReply, FastifyRequest } from "fastify";
import { OpenAnswers } from "../answers/open-answers.js";
import { QueuePlaces } from "../answers/queue-places.js";
import { decisionHeaders } from "../completions/answer-headers.js";
import { validate } from "../http/request-validation.js";
import { JobDesk } from "../jobs/job-desk.js";
import { INGRESS_CONTEXT, INGRESS_PORTS } from "../wiring/injection-tokens.js";
import type { IngressContext } from "../wiring/ingress-options.js";
import type { IngressPorts } from "../wiring/ports.js";
import { ForegroundResponses } from "./foreground-responses.js";
import { ResponseDesk } from "./response-desk.js";
import { ResponseIntake } from "./response-intake.js";
import { readResponseRequest } from "./response-request.js";
import { ResponseStream, type ResponseStreamOptions } from "./response-stream.js";

type FollowOptions = Partial<Pick<ResponseStreamOptions, "headers" | "after">>;

/** OpenAI's Responses API, as far as it is about text. */
@Controller("v1/responses")
export class ResponsesController {
  constructor(
    @Inject(INGRESS_CONTEXT) private readonly context: IngressContext,
    @Inject(INGRESS_PORTS) private readonly ports: IngressPorts,
    @Inject(ResponseDesk) private readonly desk: ResponseDesk,
    @Inject(ResponseIntake) private readonly intake: ResponseIntake,
    @Inject(ForegroundResponses) private readonly foreground: ForegroundResponses,
    @Inject(JobDesk) private readonly jobs: JobDesk,
    @Inject(QueuePlaces) private readonly places: QueuePlaces,
    @Inject(OpenAnswers) private readonly open: OpenAnswers,
  ) {}

  @Post()
  @HttpCode(200)
  async create(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const asked = readResponseRequest(request.body);
    if (asked.background !== true) return this.foreground.answer(asked, request, reply);
    const { state, headers } = await this.intake.once(asked, request, reply, (record) =>
      this.jobs.submit(record),
    );
    if (asked.stream === true) return this.follow(state, reply, { headers });
    void reply.send(await this.desk.view(state));
  }

  @Get(":id")
  async get(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param("id") id: string,
  ): Promise<void> {
    const { stream, starting_after: after } = validate(responseQuerySchema, request.query);
    if (after !== undefined && stream !== "true") {
      const message = "Invalid value for 'starting_after': it needs 'stream=true'.";
      throw new CodedError("invalid_value", message, { param: "starting_after" });
    }
    const state = await this.desk.read(id, request.tenant);
    if (stream === "true") return this.follow(state, reply, { after });
    void reply.send(await this.desk.view(state));
  }

  @Post(":id/cancel")
  @HttpCode(200)
  cancel(@Req() request: FastifyRequest, @Param("id") id: string): Promise<ResponseObject> {
    return this.desk.cancel(id, request.tenant);
  }

  @Delete(":id")
  async delete(@Req() request: FastifyRequest, @Param("id") id: string): Promise<object> {
    await this.desk.delete(id, request.tenant);
    return { id, object: "response", deleted: true };
  }

  /** Streams a response that lives on its own. */
  private follow(
    state: RequestState,
    reply: FastifyReply,
    { headers = decisionHeaders(state.id, state.decision), ...options }: FollowOptions,
  ): void {
    this.jobs.watchDeadline(state);
    const stream = new ResponseStream(reply, {
      record: state,
      ...options,
      headers,
      pingMs: this.context.tuning.pingMs,
      finalState: () => this.ports.store.read(state.id),
    });
    this.open.track(stream, reply.raw);
    stream.open();
    if (state.status === "queued") this.places.watch(state, stream);
    // From the start, because the numbers of the events follow from all that came before.
    stream.attach(this.ports.follower.follow(state.id, stream));
  }
}

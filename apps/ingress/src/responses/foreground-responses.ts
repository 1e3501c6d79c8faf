import {
  CodedError,
  type RequestRecord,
  type RequestState,
  type ResponseRequest,
} from "@expert-router/contracts";
import { Inject, Injectable } from "@nestjs/common";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { AnswerContext } from "../answers/answer-context.js";
import { OpenAnswers } from "../answers/open-answers.js";
import { QueuePlaces } from "../answers/queue-places.js";
import { WholeAnswer } from "../answers/whole-answer.js";
import { RequestObservers } from "../completions/request-observers.js";
import { answerHeaders } from "../completions/answer-headers.js";
import { RequestIntake } from "../completions/request-intake.js";
import type { WaitingSink } from "../completions/waiting-sink.js";
import { ExpertMonitor } from "../experts/expert-monitor.js";
import { answerIdentity } from "../jobs/assembled-response.js";
import { isFinal } from "../jobs/job-view.js";
import { INGRESS_CONTEXT, INGRESS_PORTS } from "../wiring/injection-tokens.js";
import type { IngressContext } from "../wiring/ingress-options.js";
import type { IngressPorts } from "../wiring/ports.js";
import { ResponseDesk } from "./response-desk.js";
import { ResponseIntake } from "./response-intake.js";
import { ResponseStream } from "./response-stream.js";

/** A sink that can be told that its request never got in. */
type Sink = WaitingSink & { discard(): void };

/** Responses that a client waits for: whole, or as a stream. */
@Injectable()
export class ForegroundResponses {
  constructor(
    @Inject(INGRESS_CONTEXT) private readonly context: IngressContext,
    @Inject(INGRESS_PORTS) private readonly ports: IngressPorts,
    @Inject(ResponseIntake) private readonly responses: ResponseIntake,
    @Inject(RequestIntake) private readonly intake: RequestIntake,
    @Inject(ExpertMonitor) private readonly monitor: ExpertMonitor,
    @Inject(RequestObservers) private readonly observers: RequestObservers,
    @Inject(ResponseDesk) private readonly desk: ResponseDesk,
    @Inject(QueuePlaces) private readonly places: QueuePlaces,
    @Inject(OpenAnswers) private readonly open: OpenAnswers,
  ) {}

  async answer(asked: ResponseRequest, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    let sink: Sink | undefined;
    const { state, keyed, repeated } = await this.responses.once(asked, request, reply, async (record) => {
      // With a key all follow the log in the same way.
      if (record.repeatable === true) return this.intake.submit(record);
      return this.submit(record, (sink = this.sink(asked, record, reply)));
    });
    const answer = sink ?? this.sink(asked, state, reply, { repeated });
    const streams = asked.stream === true;
    if (keyed) this.intake.join(state, answer, { exposes: streams, first: !repeated });
    if (answer instanceof ResponseStream) {
      answer.open();
      if (!repeated) this.places.watch(state, answer);
      return;
    }
    await this.whole(answer as WholeAnswer, state, reply);
  }

  private async whole(answer: WholeAnswer, { id }: RequestState, reply: FastifyReply): Promise<void> {
    if ((await answer.body) === undefined) return void reply.hijack();
    const ended = await this.ports.store.read(id);
    if (ended === undefined) throw new CodedError("response_not_found", "The response was deleted.");
    if (answer.queueMs !== undefined) reply.header("x-expert-router-queue-ms", answer.queueMs);
    void reply.send(await this.desk.view(ended));
  }

  private async submit(record: RequestRecord, sink: Sink): Promise<RequestState> {
    try {
      return await this.intake.submit(record, sink);
    } catch (error) {
      sink.discard();
      throw error;
    }
  }

  private sink(
    { stream }: ResponseRequest,
    record: RequestRecord | RequestState,
    reply: FastifyReply,
    { repeated = false } = {},
  ): WholeAnswer | ResponseStream {
    const { syncTimeoutS, queueTimeoutS } = this.context.settings.system.limits;
    // A repeat of what has ended gets the time of a new request to read the answer.
    const ended = "status" in record && isFinal(record);
    const startByMs =
      repeated || queueTimeoutS >= syncTimeoutS ? undefined : record.createdAtMs + queueTimeoutS * 1_000;
    const deadlineAtMs = ended ? Date.now() + syncTimeoutS * 1_000 : record.deadlineAtMs;
    const observer = repeated ? this.observers.ofRepeat(record) : this.observers.of(record);
    const headers = answerHeaders(record, this.monitor.load(record.decision.expert), { repeated });
    const context: AnswerContext = {
      identity: answerIdentity(record),
      acceptedAtMs: record.createdAtMs,
      deadlineAtMs,
      startByMs,
      headers,
      observer,
    };
    const answer =
      stream === true
        ? new ResponseStream(reply, {
            record,
            headers,
            pingMs: this.context.tuning.pingMs,
            finalState: () => this.ports.store.read(record.id),
            observer,
            deadlineAtMs,
            startByMs,
          })
        : new WholeAnswer(reply.raw, context);
    this.open.track(answer, reply.raw);
    return answer;
  }
}

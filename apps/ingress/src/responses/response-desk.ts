import {
  CodedError,
  requestIdOfResponse,
  responseIdOf,
  type ChatMessage,
  type RequestState,
  type ResponseObject,
} from "@expert-router/contracts";
import { Inject, Injectable } from "@nestjs/common";
import { RequestIntake } from "../completions/request-intake.js";
import { assembledResponse } from "../jobs/assembled-response.js";
import { JobDesk } from "../jobs/job-desk.js";
import { isFinal } from "../jobs/job-view.js";
import { INGRESS_PORTS } from "../wiring/injection-tokens.js";
import type { IngressPorts } from "../wiring/ports.js";
import { endedResponse, openResponse, type AnswerText } from "./response-object.js";

/** Stored responses. */
@Injectable()
export class ResponseDesk {
  constructor(
    @Inject(INGRESS_PORTS) private readonly ports: IngressPorts,
    @Inject(RequestIntake) private readonly intake: RequestIntake,
    @Inject(JobDesk) private readonly jobs: JobDesk,
  ) {}

  /**
   * The record of a stored response; one whose deadline has passed is expired by this.
   * @throws CodedError `response_not_found`, also for those of other tenants.
   */
  async read(responseId: string, tenant: string): Promise<RequestState> {
    const state = await this.find(responseId, tenant);
    if (state !== undefined) return this.jobs.current(state);
    const message = `Response with id '${responseId.slice(0, 64)}' not found.`;
    throw new CodedError("response_not_found", message, { param: "response_id" });
  }

  /** The response with all that it came to. */
  async view(state: RequestState): Promise<ResponseObject> {
    if (!isFinal(state)) return openResponse(state, state.status === "queued" ? "queued" : "in_progress");
    return endedResponse(state, await this.answerText(state));
  }

  /**
   * Cancels a response in the background; one that has ended stays as it is.
   * @throws CodedError `response_not_found`, `response_not_cancellable`
   */
  async cancel(responseId: string, tenant: string): Promise<ResponseObject> {
    const state = await this.read(responseId, tenant);
    if (state.response?.background !== true) {
      const message = "Only responses with 'background: true' can be cancelled.";
      throw new CodedError("response_not_cancellable", message, { param: "response_id" });
    }
    if (!isFinal(state)) await this.intake.close(state.id, state.decision.expert, { status: "cancelled" });
    return this.view(await this.read(responseId, tenant));
  }

  /**
   * Forgets a response; one that runs is cancelled by this.
   * @throws CodedError `response_not_found`
   */
  async delete(responseId: string, tenant: string): Promise<void> {
    const state = await this.read(responseId, tenant);
    if (!isFinal(state)) await this.intake.close(state.id, state.decision.expert, { status: "cancelled" });
    await this.ports.store.forget([state.id]);
  }

  /**
   * The messages that a response which goes on behind `responseId` begins with.
   * @throws CodedError `previous_response_not_found`; `invalid_value` where it has no answer, or none yet.
   */
  async conversation(responseId: string, tenant: string): Promise<ChatMessage[]> {
    const param = "previous_response_id";
    const state = await this.find(responseId, tenant);
    if (state === undefined) {
      const message = `Previous response with id '${responseId.slice(0, 64)}' not found.`;
      throw new CodedError("previous_response_not_found", message, { param });
    }
    if (state.status !== "completed") {
      const how = isFinal(state) ? `is ${(await this.view(state)).status}` : "has not ended yet";
      const message = `The response '${responseIdOf(state.id)}' ${how}, so nothing can go on behind it.`;
      throw new CodedError("invalid_value", message, { param });
    }
    const messages = state.body["messages"] as ChatMessage[];
    const { text } = await this.answerText(state);
    return [
      ...messages.slice(state.response?.instructionMessages ?? 0),
      { role: "assistant", content: text },
    ];
  }

  private async find(responseId: string, tenant: string): Promise<RequestState | undefined> {
    const id = requestIdOfResponse(responseId);
    const state = id === undefined ? undefined : await this.ports.store.read(id);
    return state?.response?.stored === true && state.tenant === tenant ? state : undefined;
  }

  private async answerText(state: RequestState): Promise<AnswerText> {
    const answer = await assembledResponse(this.ports.follower, state);
    const [choice] = (answer?.["choices"] ?? []) as {
      message?: { content?: string | null };
      finish_reason?: string;
    }[];
    return { text: choice?.message?.content ?? "", finishReason: choice?.finish_reason };
  }
}

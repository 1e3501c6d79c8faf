import {
  messageIdOf,
  type CodedError,
  type Delta,
  type RequestRecord,
  type RequestState,
  type Terminal,
} from "@expert-router/contracts";
import { endedResponse, messageItem, openResponse, textPart } from "./response-object.js";

const place = { output_index: 0, content_index: 0 } as const;

/**
 * The events of one response as text. Every event and its number is a function of the record and the log alone: what opens the
 * answer has fixed numbers, each piece of text one more, and the end follows. So a client which goes on behind a number, at any
 * replica, during the run or after it, gets what it would have got.
 */
export class ResponseEvents {
  private next = 0;
  private inProgress = false;
  private hasItem = false;
  private text = "";
  private finishReason: string | undefined;
  private readonly deltaTail: string;

  /** `after`: number of the last event that the client has; those up to it are left out. */
  constructor(
    private readonly record: RequestRecord,
    private readonly after = -1,
  ) {
    const item = { item_id: messageIdOf(record.id), ...place, logprobs: [] };
    this.deltaTail = `,${JSON.stringify(item).slice(1)}\n\n`;
  }

  /** Whether the client was told any of the answer's text. */
  get hasText(): boolean {
    return this.text !== "";
  }

  /** The first events, which need no log. */
  opening(): string {
    const background = this.record.response?.background === true;
    const response = openResponse(this.record, background ? "queued" : "in_progress");
    const created = this.event("response.created", { response });
    return background ? created + this.event("response.queued", { response }) : created + this.progress();
  }

  /** The events of the next delta of the log. */
  delta(delta: Delta): string {
    const piece = this.read(delta);
    if (piece === "") return "";
    this.text += piece;
    const before = this.item();
    const number = this.next++;
    if (number <= this.after) return before;
    const type = "response.output_text.delta";
    return `${before}event: ${type}\ndata: {"type":"${type}","sequence_number":${number},"delta":${JSON.stringify(piece)}${this.deltaTail}`;
  }

  /** The last events. `state` is the record at its end. */
  end(terminal: Terminal, state: RequestState): string {
    const { text, finishReason } = this;
    const response = endedResponse(state, { text, finishReason });
    // What ended in the queue was never in progress.
    const began = terminal.queueMs !== undefined || terminal.status === "completed";
    let events = began ? this.progress() : "";
    const [item] = response.output;
    if (item !== undefined) {
      events += this.item();
      const at = { item_id: item.id, ...place };
      events += this.event("response.output_text.done", { ...at, text, logprobs: [] });
      events += this.event("response.content_part.done", { ...at, part: textPart(text) });
      events += this.event("response.output_item.done", { output_index: 0, item });
    }
    // A cancelled one has no event of its own in the specification; its status tells.
    const type = response.status === "cancelled" ? "incomplete" : response.status;
    return events + this.event(`response.${type}`, { response });
  }

  /** The stream cannot go on here. */
  error({ code, message, param }: CodedError): string {
    return this.event("error", { code, message, param });
  }

  private progress(): string {
    if (this.inProgress) return "";
    this.inProgress = true;
    return this.event("response.in_progress", { response: openResponse(this.record, "in_progress") });
  }

  private item(): string {
    if (this.hasItem) return "";
    this.hasItem = true;
    const item = messageItem(this.record, undefined, "in_progress");
    return (
      this.progress() +
      this.event("response.output_item.added", { output_index: 0, item }) +
      this.event("response.content_part.added", { item_id: item.id, ...place, part: textPart("") })
    );
  }

  private read(delta: Delta): string {
    if (typeof delta === "string") return delta;
    let text = "";
    for (const choice of delta.choices as (Choice | null)[]) {
      if (choice === null || typeof choice !== "object" || (choice.index ?? 0) !== 0) continue;
      if (typeof choice.delta?.content === "string") text += choice.delta.content;
      if (typeof choice.finish_reason === "string") this.finishReason = choice.finish_reason;
    }
    return text;
  }

  private event(type: string, fields: object): string {
    const number = this.next++;
    if (number <= this.after) return "";
    return `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: number, ...fields })}\n\n`;
  }
}

interface Choice {
  readonly index?: number;
  readonly delta?: { readonly content?: unknown } | null;
  readonly finish_reason?: unknown;
}

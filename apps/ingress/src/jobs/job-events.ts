import {
  comparePositions,
  formatPosition,
  startPosition,
  terminalPosition,
  type Delta,
  type Job,
  type Position,
} from "@expert-router/contracts";
import type { Following, TokenSink } from "@expert-router/token-stream";
import type { FastifyReply } from "fastify";
import type { AnswerIdentity } from "../answers/answer-assembler.js";
import type { OpenAnswer } from "../answers/answer-context.js";
import type { PlaceViewer } from "../answers/queue-places.js";
import { ChunkEncoder } from "../answers/chunk-encoder.js";
import { SseResponse, sseComment, sseData, sseEvent } from "../http/sse-response.js";
import { onClosed } from "../http/on-closed.js";

/** What a stream of job events is made from. */
export interface JobEventsOptions {
  readonly identity: AnswerIdentity;
  readonly after: Position;
  readonly headers: Readonly<Record<string, string>>;
  readonly pingMs: number;
  /** The job at its end, with its answer. */
  readonly finalJob: () => Promise<Job>;
}

/**
 * `GET /v1/jobs/{id}/events`: the log as events. Every byte behind an id is a function of the log alone, so that a
 * client which resumes, on any replica and at any time, gets what it would have got.
 */
export class JobEvents implements TokenSink, OpenAnswer, PlaceViewer {
  readonly isResumable = true;
  private following: Following | undefined;
  private over = false;
  /** The role opens the answer, and opens it anew after a restart. It has no id: who resumes before the first delta hears it again. */
  private roleDue: boolean;
  private restartDue = false;
  private anythingSent: boolean;
  private readonly encoder: ChunkEncoder;
  private readonly sse: SseResponse;
  private readonly ping: NodeJS.Timeout;

  constructor(
    reply: FastifyReply,
    private readonly options: JobEventsOptions,
  ) {
    const { after, identity, pingMs, headers } = options;
    this.roleDue = after.seq === 0;
    this.anythingSent = comparePositions(after, startPosition) > 0;
    this.encoder = new ChunkEncoder(identity, { includeUsage: false });
    this.sse = new SseResponse(reply.raw, { onDrain: () => this.following?.resume() });
    reply.hijack();
    onClosed(reply.raw, () => this.stop());
    this.sse.open(headers);
    this.ping = setInterval(() => {
      // Who does not read needs no sign of life, and gets nothing to keep for it.
      if (!this.sse.isBehind) this.sse.write(sseComment("ping"));
    }, pingMs).unref();
  }

  get isOver(): boolean {
    return this.over;
  }

  get isWaiting(): boolean {
    return !this.over && !this.anythingSent;
  }

  showPlace(text: string): void {
    if (this.isWaiting && !this.sse.isBehind) this.sse.write(sseComment(text));
  }

  /** Names the follow that feeds this sink. */
  attach(following: Following): void {
    this.following = following;
    if (this.over) following.stop();
  }

  deltas(epoch: number, first: number, deltas: readonly Delta[]): boolean {
    if (this.over) return true;
    let text = this.opening(epoch);
    for (const [index, delta] of deltas.entries()) {
      const chunk = this.encoder.delta(delta);
      if (chunk !== undefined) text += sseEvent(formatPosition({ epoch, seq: first + index }), chunk);
    }
    return text === "" || this.sse.write(text);
  }

  restart(): void {
    this.restartDue = this.anythingSent;
    this.roleDue = true;
  }

  end(): void {
    if (this.over) return;
    void this.options.finalJob().then(
      (job) =>
        this.finish(sseEvent(formatPosition(terminalPosition), JSON.stringify(job), `job.${job.status}`)),
      () => this.finish(""),
    );
  }

  /** The stream just stops: a client resumes it, and no event could be the same next time. */
  fail(): void {
    this.finish("");
  }

  interrupt(): void {
    this.finish("");
  }

  /** What precedes the first delta of an answer or of its restart. */
  private opening(epoch: number): string {
    let text = "";
    if (this.restartDue)
      text += sseEvent(formatPosition({ epoch, seq: 0 }), JSON.stringify({ epoch }), "job.restarted");
    if (this.roleDue && this.encoder.role !== undefined) text += sseData(this.encoder.role);
    this.restartDue = false;
    this.roleDue = false;
    this.anythingSent = true;
    return text;
  }

  private finish(text: string): void {
    if (this.over) return;
    this.stop();
    this.sse.end(text);
  }

  private stop(): void {
    this.over = true;
    clearInterval(this.ping);
    this.following?.stop();
  }
}

import type { RequestRecord } from "@expert-router/contracts";
import { Inject, Injectable } from "@nestjs/common";
import { ExpertMonitor } from "../experts/expert-monitor.js";
import { repeat, type RepeatingTask } from "../experts/repeating-task.js";
import { INGRESS_CONTEXT, INGRESS_PORTS } from "../wiring/injection-tokens.js";
import type { IngressContext } from "../wiring/ingress-options.js";
import type { IngressPorts } from "../wiring/ports.js";

/** A stream whose client sees how its request moves up. */
export interface PlaceViewer {
  /** Nothing of the answer has come, and somebody still waits for it. */
  readonly isWaiting: boolean;
  /** `text`: for a comment. */
  showPlace(text: string): void;
}

type Request = Pick<RequestRecord, "id" | "decision" | "priorityClass" | "createdAtMs">;

interface Viewing {
  readonly request: Request;
  readonly viewer: PlaceViewer;
  dueAtMs: number;
}

/**
 * Places asked for in one round: with four rounds a second, 100 a second and process, however many wait. That is half a percent
 * of one Redis processor with one tenant, and seven with 200 of them.
 */
const maxAtOnce = 25;

/**
 * Tells streams that wait which place they have and when they start. Each place costs one script, so that they are asked for in
 * bounded rounds: with more than 500 streams waiting, each hears more seldom than it might.
 */
@Injectable()
export class QueuePlaces {
  private readonly viewings = new Set<Viewing>();
  private task: RepeatingTask | undefined;

  constructor(
    @Inject(INGRESS_CONTEXT) private readonly context: IngressContext,
    @Inject(INGRESS_PORTS) private readonly ports: IngressPorts,
    @Inject(ExpertMonitor) private readonly monitor: ExpertMonitor,
  ) {}

  start(): void {
    // Redis away is told by others, and the stream stays open.
    const hush = (error: unknown): void => this.context.logger.debug({ err: error }, "places are not known");
    this.task = repeat(this.context.tuning.placeRoundMs, () => this.round(Date.now()), hush);
  }

  stop(): void {
    this.task?.stop();
  }

  /** Shows the place of a queued request until it is taken or its viewer has left. */
  watch(request: Request, viewer: PlaceViewer): void {
    const { placeAfterMs } = this.context.tuning;
    this.viewings.add({ request, viewer, dueAtMs: request.createdAtMs + placeAfterMs });
  }

  private async round(nowMs: number): Promise<void> {
    const due: Viewing[] = [];
    for (const viewing of this.viewings) {
      if (!viewing.viewer.isWaiting) this.viewings.delete(viewing);
      else if (viewing.dueAtMs <= nowMs && due.length < maxAtOnce) due.push(viewing);
    }
    for (const viewing of due) {
      viewing.dueAtMs = nowMs + this.context.tuning.placeEveryMs;
      // To the end, so that those which did not fit in are first the next time.
      this.viewings.delete(viewing);
      this.viewings.add(viewing);
    }
    await Promise.all(due.map((viewing) => this.show(viewing)));
  }

  private async show(viewing: Viewing): Promise<void> {
    const { viewer, request } = viewing;
    const { expert } = request.decision;
    const place = await this.ports.queues.get(expert)?.place(request.id);
    // A worker has it. One that comes back to the queue keeps the plain comments.
    if (place === undefined) return void this.viewings.delete(viewing);
    if (!viewer.isWaiting) return;
    const etaS = this.monitor.load(expert).etaS(place, request.priorityClass);
    const eta = etaS === null ? "" : ` eta_s=${etaS.toFixed(1)}`;
    viewer.showPlace(`queue_position=${place.position}${eta}`);
  }
}

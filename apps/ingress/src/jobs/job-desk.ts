import {
  CodedError,
  isRequestId,
  type Job,
  type JobList,
  type JobListQuery,
  type RequestRecord,
  type RequestState,
} from "@expert-router/contracts";
import { Inject, Injectable } from "@nestjs/common";
import { OpenAnswers } from "../answers/open-answers.js";
import { LostRequests } from "../completions/lost-requests.js";
import { expired, RequestIntake } from "../completions/request-intake.js";
import { ExpertMonitor } from "../experts/expert-monitor.js";
import { repeat, type RepeatingTask } from "../experts/repeating-task.js";
import { INGRESS_CONTEXT, INGRESS_PORTS } from "../wiring/injection-tokens.js";
import type { IngressContext } from "../wiring/ingress-options.js";
import type { IngressPorts } from "../wiring/ports.js";
import { assembledResponse } from "./assembled-response.js";
import { LostJobs } from "./lost-jobs.js";
import { DeadlineWatch } from "./deadline-watch.js";
import { jobPage } from "./job-page.js";
import { isFinal, jobView, type JobCircumstances } from "./job-view.js";

/** Jobs: requests that outlive the HTTP call that made them. */
@Injectable()
export class JobDesk {
  private readonly deadlines = new DeadlineWatch();
  private tasks: RepeatingTask[] = [];

  constructor(
    @Inject(INGRESS_CONTEXT) private readonly context: IngressContext,
    @Inject(INGRESS_PORTS) private readonly ports: IngressPorts,
    @Inject(RequestIntake) private readonly intake: RequestIntake,
    @Inject(ExpertMonitor) private readonly monitor: ExpertMonitor,
    @Inject(OpenAnswers) private readonly open: OpenAnswers,
    @Inject(LostRequests) private readonly lostRequests: LostRequests,
    @Inject(LostJobs) private readonly lostJobs: LostJobs,
  ) {}

  start(): void {
    const { deadlineSweepMs, lostSweepMs } = this.context.tuning;
    // While Redis is away others say so; what is lost is still lost when it is back.
    const hush = (error: unknown): void => this.context.logger.debug({ err: error }, "a sweep failed");
    const deadlines = repeat(
      deadlineSweepMs,
      async () => {
        this.open.expireLate(Date.now(), this.context.tuning.lateGraceMs);
        await this.intake.takeOutUnclosed();
        const late = this.deadlines.takeExpired(Date.now());
        await Promise.all(late.map(({ id, expert }) => this.intake.takeOut(id, expert, expired)));
      },
      (error) => this.context.logger.warn({ err: error }, "deadlines cannot be kept"),
    );
    this.tasks = [
      deadlines,
      repeat(deadlineSweepMs, () => this.lostRequests.putBack(Date.now()), hush),
      repeat(lostSweepMs, () => this.lostJobs.sweep(Date.now()), hush),
    ];
  }

  stop(): void {
    for (const task of this.tasks) task.stop();
  }

  /** Puts a job on its queue. Answers the one that stands, as {@link RequestIntake.submit} does. */
  async submit(record: RequestRecord): Promise<RequestState> {
    const state = await this.intake.submit(record);
    this.watchDeadline(state);
    return state;
  }

  /** A job that was put on its queue a moment ago. */
  async submittedView(state: RequestState): Promise<Job> {
    const job = await this.waitingView(state);
    // A worker may have taken it already: it was next, and did not wait.
    return job.queue_position === null ? { ...job, queue_position: 0, eta_s: 0 } : job;
  }

  /**
   * The record of a job; one whose deadline has passed is expired by this.
   * @throws CodedError `job_not_found`, also for jobs of other tenants.
   */
  async read(id: string, tenant: string): Promise<RequestState> {
    const state = isRequestId(id) ? await this.ports.store.read(id) : undefined;
    if (state?.kind !== "job" || state.response !== undefined || state.tenant !== tenant)
      throw jobNotFound(id);
    return this.current(state);
  }

  /** The job with all that belongs to it: place in the queue, or answer. */
  async view(state: RequestState): Promise<Job> {
    if (!isFinal(state)) return this.waitingView(state);
    const response =
      state.status === "completed" ? await assembledResponse(this.ports.follower, state) : null;
    return this.jobView(state, { queuePosition: null, etaS: null, response });
  }

  /** A page of a tenant's jobs, without their answers. */
  async list(tenant: string, query: JobListQuery): Promise<JobList> {
    const { states, last, hasMore } = await jobPage(this.ports.store, tenant, query);
    const data = await Promise.all(states.map((state) => this.listView(state)));
    return {
      object: "list",
      data,
      first_id: data[0]?.id ?? null,
      last_id: data.at(-1)?.id ?? last ?? null,
      has_more: hasMore,
    };
  }

  /**
   * Cancels a job; one that is cancelled already stays so.
   * @throws CodedError `job_not_found`, or `job_already_finished` if it ended in another way.
   */
  async cancel(id: string, tenant: string): Promise<Job> {
    const state = await this.read(id, tenant);
    if (!isFinal(state)) await this.intake.close(state.id, state.decision.expert, { status: "cancelled" });
    const now = await this.read(id, tenant);
    if (now.status !== "cancelled") {
      throw new CodedError("job_already_finished", `The job cannot be cancelled: it is ${now.status}.`);
    }
    return this.view(now);
  }

  /** Makes sure that somebody notices when the deadline passes. */
  watchDeadline({ id, deadlineAtMs, decision: { expert } }: RequestRecord): void {
    if (deadlineAtMs !== undefined) this.deadlines.watch(id, { expert, deadlineAtMs });
  }

  /** The record as it stands, expired where its deadline has passed. */
  async current(state: RequestState): Promise<RequestState> {
    if (isFinal(state) || state.deadlineAtMs === undefined || state.deadlineAtMs > Date.now()) return state;
    await this.intake.close(state.id, state.decision.expert, expired);
    return (await this.ports.store.read(state.id)) ?? state;
  }

  private async waitingView(state: RequestState): Promise<Job> {
    const { expert } = state.decision;
    const place =
      state.status === "queued" ? await this.ports.queues.get(expert)?.place(state.id) : undefined;
    const etaS = place === undefined ? null : this.monitor.load(expert).etaS(place, state.priorityClass);
    return this.jobView(state, { queuePosition: place?.position ?? null, etaS, response: null });
  }

  private jobView(state: RequestState, circumstances: JobCircumstances): Job {
    return jobView(state, circumstances, this.context.settings.system.retention.jobsS * 1_000);
  }

  private async listView(state: RequestState): Promise<Job> {
    return isFinal(state)
      ? this.jobView(state, { queuePosition: null, etaS: null, response: null })
      : this.waitingView(state);
  }
}

function jobNotFound(id: string): CodedError {
  return new CodedError("job_not_found", `No job found with id '${id.slice(0, 64)}'.`, { param: "id" });
}

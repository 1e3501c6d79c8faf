import type { ExpertConfig, SchedulingConfig } from "@expert-router/config";
import { CodedError, priorityClasses, type PriorityClass, type WorkerReport } from "@expert-router/contracts";
import type { JobSum, QueueFigures, QueuePlace } from "@expert-router/queue";
import { ArrivalRates } from "./arrival-rates.js";
import { Arrivals } from "./arrivals.js";
import { DrainRate } from "./drain-rate.js";
import { StartRates, type StartRate } from "./start-rates.js";
import { waitScaleS } from "./worth-of-waiting.js";

/** A restart of a worker or of its engine takes less; until then requests wait for it. */
const abandonedAfterMs = 15_000;
/** Part of a bound up to which the figures of the last count are good enough. */
const farFromBound = 0.8;
/** Part of the room that one process may fill between two counts, so that as many replicas stay within it together. */
const shareOfRoom = 1 / 8;

/** Part of a bound in seconds that may be filled: the rate is a mean, and half of the requests at the bound would wait longer. */
const shareOfPromise = 0.8;

/** Part of the rate that is taken to be left to a class where those above ask for all of it: no load lasts forever. */
const leastShareLeft = 0.02;

/** Weight of the latest answer in the mean length of answers. */
const shareOfLatest = 0.05;

/** One look at an expert. */
export interface ExpertCount {
  readonly figures: QueueFigures;
  readonly workers: readonly WorkerReport[];
  /** {@link Arrivals.snapshot} of when counting began. */
  readonly arrivedBefore: ReturnType<Arrivals["snapshot"]>;
}

const nothing: JobSum = { jobs: 0, tokens: 0 };

/** What this process knows about one expert: its queue, its workers and how fast they are. */
export class ExpertLoad {
  /** What this process adds between two counts. */
  readonly arrivals = new Arrivals();
  private counted: QueueFigures["waiting"] = { interactive: nothing, async: nothing, batch: nothing };
  private booked: QueueFigures["booked"] = { interactive: 0, async: 0, batch: 0 };
  private reports: readonly WorkerReport[] = [];
  private readonly starts = new StartRates();
  private readonly arrivalRates = new ArrivalRates();
  private readonly drain = new DrainRate();
  private answerTokens: number | undefined;
  private updatedAtMs = 0;
  /** When a worker with a healthy engine was seen last; before that, when the watch began. */
  private lastWorkingAtMs: number | undefined;

  constructor(
    readonly expert: ExpertConfig,
    private readonly scheduling: Pick<SchedulingConfig, "headroom" | "classes">,
  ) {}

  /** Takes a new count. */
  update({ figures, workers, arrivedBefore }: ExpertCount, nowMs: number): void {
    this.counted = figures.waiting;
    this.booked = figures.booked;
    this.reports = workers;
    this.arrivals.forget(arrivedBefore);
    const hasBacklog = priorityClasses.some((name) => figures.waiting[name].jobs > 0);
    this.drain.observe(workers, hasBacklog, nowMs);
    this.starts.observe(figures, this.running, nowMs);
    this.arrivalRates.observe(figures, this.starts.whole?.tokensPerS, nowMs);
    this.updatedAtMs = nowMs;
    if (this.working.length > 0) this.lastWorkingAtMs = nowMs;
    else this.lastWorkingAtMs ??= nowMs;
  }

  /** An answer of so many tokens has ended. */
  observeAnswer(tokens: number): void {
    this.answerTokens = (this.answerTokens ?? tokens) * (1 - shareOfLatest) + tokens * shareOfLatest;
  }

  /** Mean length of its answers that this process has seen; undefined: none. */
  get meanAnswerTokens(): number | undefined {
    return this.answerTokens;
  }

  /** Requests of a class that wait, and the tokens they are expected to cost. */
  waiting(name: PriorityClass): JobSum {
    const { jobs, tokens } = this.arrivals.of(name);
    return { jobs: this.counted[name].jobs + jobs, tokens: this.counted[name].tokens + tokens };
  }

  /** The same as the last count had it. */
  depth(name: PriorityClass): number {
    return this.counted[name].jobs;
  }

  get workers(): readonly WorkerReport[] {
    return this.reports;
  }

  /** Workers that take requests. */
  get working(): WorkerReport[] {
    return this.reports.filter((worker) => worker.state === "running" && worker.engineHealthy);
  }

  get running(): number {
    return sum(this.reports, "running");
  }

  /** Requests that its engines take now: a worker whose engine is slow takes fewer than it may. */
  get capacity(): number {
    return sum(this.working, "credits");
  }

  get drainPerS(): number {
    return this.drain.perS;
  }

  /** Mean seconds that a request is with an engine; undefined: not measured. */
  get serviceS(): number | undefined {
    return this.drain.serviceS;
  }

  /** Whether nobody has worked for it for so long that waiting for somebody is no plan. */
  get isAbandoned(): boolean {
    return this.awayForMs >= abandonedAfterMs;
  }

  /** Whether nobody works for it, for longer than requests of a class should wait for somebody. */
  isAway(name: PriorityClass): boolean {
    const patienceMs = Math.min(abandonedAfterMs, waitScaleS[name] * 1_000);
    return this.working.length === 0 && this.awayForMs >= patienceMs;
  }

  private get awayForMs(): number {
    return this.lastWorkingAtMs === undefined ? 0 : this.updatedAtMs - this.lastWorkingAtMs;
  }

  /** Jobs of a class that start a second; undefined: not measured. */
  startsPerS(name: PriorityClass): number | undefined {
    const own = this.starts.of(name);
    if (own !== undefined) return own.jobsPerS;
    const { whole } = this.starts;
    const meanTokens = this.meanTokensOf([name]);
    if (whole === undefined || whole.tokensPerS === 0 || meanTokens === 0)
      return whole?.jobsPerS ?? this.drain.capacityPerS;
    return this.leftTokensPerS(name, whole.tokensPerS) / meanTokens;
  }

  /** Seconds until the request at `place` starts; null if nothing was measured or nobody works. */
  etaS(place: QueuePlace, name: PriorityClass): number | null {
    if (this.working.length === 0) return null;
    const free = this.freePlaces(name);
    if (place.position < free && this.waitingUpTo(name) <= free) return 0;
    const seconds = this.foretoldS(place, name);
    return seconds === undefined ? null : rounded(seconds);
  }

  /**
   * The wait behind what is ahead, at the rate that higher classes leave and lower ones are not owed: work ahead / (capacity − higher
   * arrivals − lower shares), as in a queue with strict priorities (Cobham, Operations Research 2, 1954). With a minimum
   * share no longer than its own work takes at this share. In expected tokens, since sizes differ between classes.
   */
  private foretoldS({ position, positionInClass }: QueuePlace, name: PriorityClass): number | undefined {
    const { whole } = this.starts;
    const own = (positionInClass + 1) * this.meanTokensOf([name]);
    if (whole === undefined || whole.tokensPerS === 0 || own === 0) {
      const rate = this.startsPerS(name);
      return rate === undefined ? undefined : (position + 1) / rate;
    }
    const higher = priorityClasses.slice(0, priorityClasses.indexOf(name));
    const ahead = own + (position - positionInClass) * this.meanTokensOf(higher);
    const seconds = ahead / this.leftTokensPerS(name, whole.tokensPerS);
    const share = name === "interactive" ? 0 : this.scheduling.classes[name].minShare;
    return share === 0 ? seconds : Math.min(seconds, own / (share * whole.tokensPerS));
  }

  /** Of all tokens a second, those that a class gets once nothing of a higher one waits; no less than its share. */
  private leftTokensPerS(name: PriorityClass, tokensPerS: number): number {
    const at = priorityClasses.indexOf(name);
    let left = tokensPerS;
    for (const higher of priorityClasses.slice(0, at)) left -= this.arrivalRates.tokensPerS(higher);
    for (const lower of priorityClasses.slice(at + 1)) {
      const owed = this.scheduling.classes[lower].minShare * tokensPerS;
      left -= Math.min(owed, this.starts.of(lower)?.tokensPerS ?? 0);
    }
    const least = Math.max(leastShareLeft, this.scheduling.classes[name].minShare);
    return Math.max(left, least * tokensPerS);
  }

  /** Mean expected tokens of what waits in some classes, or of what started where nothing does. */
  private meanTokensOf(names: readonly PriorityClass[]): number {
    const waiting = names.map((name) => this.waiting(name));
    const jobs = waiting.reduce((total, each) => total + each.jobs, 0);
    if (jobs === 0) return this.starts.meanTokens ?? 0;
    return waiting.reduce((total, each) => total + each.tokens, 0) / jobs;
  }

  /** Seconds that one more request of a class would wait behind all others of it. */
  waitS(name: PriorityClass): number | null {
    return this.etaS({ position: this.waitingUpTo(name), positionInClass: this.waiting(name).jobs }, name);
  }

  /** The same where a tenant that has `own` requests waiting has the class for itself: no scheduler is faster. */
  leastWaitS(name: PriorityClass, own: number): number | null {
    const position = Math.min(own, this.waitingUpTo(name));
    return this.etaS({ position, positionInClass: Math.min(own, this.waiting(name).jobs) }, name);
  }

  /** Seconds that an engine needs for a request of so many tokens, at most the mean; undefined: not measured. */
  serviceSOf(expectedTokens: number): number | undefined {
    const { serviceS } = this;
    const { meanTokens } = this.starts;
    if (serviceS === undefined || meanTokens === undefined) return serviceS;
    return serviceS * Math.min(1, expectedTokens / meanTokens);
  }

  /**
   * Requests of a class that may wait: its bound in jobs, or what its guaranteed share starts within its bound in seconds. A
   * faster rate of the moment is no promise: other classes may take what is beyond the guarantee before its turn comes.
   */
  bound(name: PriorityClass): number {
    const { maxQueued, maxWaitS } = this.scheduling.classes[name];
    const rate = this.guaranteedPerS(name) ?? this.startsPerS(name);
    if (maxWaitS === undefined || rate === undefined) return maxQueued;
    return Math.max(1, Math.min(maxQueued, Math.floor(maxWaitS * shareOfPromise * rate)));
  }

  /** Jobs of a class that start a second when all classes want more than there is; undefined: no guarantee, or not measured. */
  private guaranteedPerS(name: PriorityClass): number | undefined {
    const { whole } = this.starts;
    const share = guaranteedShare(this.scheduling.classes, name);
    if (whole === undefined || share === 0) return undefined;
    const meanTokens = this.meanTokensOf([name]);
    if (meanTokens === 0 || whole.tokensPerS === 0) return share * whole.jobsPerS;
    return (share * whole.tokensPerS) / meanTokens;
  }

  /**
   * Whether one more request of a class surely fits. False near the bound, while others are to be let in first, and when this
   * process alone has filled much of the room since the last count: then only the queue knows.
   */
  surelyHasRoom(name: PriorityClass): boolean {
    const bound = this.bound(name);
    if (this.booked[name] > 0 || this.waiting(name).jobs + 1 > bound * farFromBound) return false;
    const room = bound - this.counted[name].jobs;
    return this.arrivals.of(name).jobs <= room * shareOfRoom;
  }

  /** @throws CodedError `expert_unavailable` if no client should wait for it. */
  refuseIfAbandoned(): void {
    if (!this.isAbandoned) return;
    const message = `No worker of '${this.expert.id}' with a healthy engine is there at the moment. Please try again later.`;
    throw new CodedError("expert_unavailable", message, { retryAfterS: 5 });
  }

  /**
   * OpenAI's rate-limit headers. Requests: those of the class that may wait, and how many more fit. Tokens: the same at the
   * mean size of what waits, or of this request where nothing does. Reset: seconds until all that waits has started.
   */
  rateLimitHeaders(name: PriorityClass, expectedTokens: number): Record<string, string> {
    const bound = this.bound(name);
    const { jobs, tokens } = this.waiting(name);
    const rate = this.startsPerS(name);
    const reset = `${jobs === 0 || rate === undefined ? Math.min(1, jobs) : Math.ceil(jobs / rate)}s`;
    const limitTokens = Math.ceil(bound * (jobs === 0 || tokens === 0 ? expectedTokens : tokens / jobs));
    return {
      "x-ratelimit-limit-requests": String(bound),
      "x-ratelimit-remaining-requests": String(Math.max(0, bound - jobs)),
      "x-ratelimit-reset-requests": reset,
      "x-ratelimit-limit-tokens": String(limitTokens),
      "x-ratelimit-remaining-tokens": String(Math.max(0, limitTokens - tokens)),
      "x-ratelimit-reset-tokens": reset,
    };
  }

  /** What the workers start; undefined: not measured. */
  get startRate(): StartRate | undefined {
    return this.starts.whole;
  }

  /** Places that a class may take at once; batch work leaves some to interactive requests. */
  private freePlaces(name: PriorityClass): number {
    const places = this.capacity;
    const kept = name === "batch" ? Math.ceil(places * this.scheduling.headroom) : 0;
    return Math.max(0, places - kept - sum(this.working, "running"));
  }

  /** What waits in a class and in those before it. */
  private waitingUpTo(name: PriorityClass): number {
    let jobs = 0;
    for (const other of priorityClasses) {
      jobs += this.waiting(other).jobs;
      if (other === name) break;
    }
    return jobs;
  }
}

function sum(workers: readonly WorkerReport[], field: "running" | "credits"): number {
  return workers.reduce((total, worker) => total + worker[field], 0);
}

/** What the classes with a minimum share cannot take from it: its own, and of interactive requests all that is left. */
function guaranteedShare(classes: SchedulingConfig["classes"], name: PriorityClass): number {
  if (name !== "interactive") return classes[name].minShare;
  return 1 - classes.async.minShare - classes.batch.minShare;
}

function rounded(seconds: number): number {
  return Math.round(seconds * 1_000) / 1_000;
}

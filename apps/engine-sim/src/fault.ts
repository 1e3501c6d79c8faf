import { RequestError } from "./request-error.js";
import { hashText, seededRandom } from "./seeded-random.js";

/** The ways in which the simulator can fail, on demand or by chance. */
export const faults = [
  /** The request is taken, and nothing is ever sent. */
  "hang-before",
  /** Half of the answer is sent, then nothing; the connection stays open. */
  "hang-mid",
  /** Half of the answer is sent, then the connection is cut. */
  "cut-mid",
  /** As `cut-mid`, but inside an event and inside a chunk of the transfer encoding. */
  "cut-chunk",
  /** Half of the answer is sent, then the body ends in good order, without finish reason or `[DONE]`. */
  "end-mid",
  /** Half of the answer is sent, then bytes that are not JSON. */
  "garbage",
  /** Half of the answer is sent, then a line that does not end: 64 MiB, then the connection is cut. */
  "endless-line",
  /** The answer begins with 200; an error object follows half of it. */
  "error-after-200",
  /** 200 with an error object as its JSON body, where a stream was asked for. */
  "error-200",
  /** 200 with a web page, as a proxy in between may send. */
  "wrong-type",
  "http-500",
  "http-429",
  "http-503",
  /** 503 whose `retry-after` is a date. */
  "http-503-date",
] as const;
export type Fault = (typeof faults)[number];

/** Faults drawn by `failureInjectionRate` unless others are named: those that end by themselves, and soon. */
export const defaultFailureTypes: readonly Fault[] = faults.filter(
  (fault) => !["hang-before", "hang-mid", "endless-line"].includes(fault),
);

/** A fault that a request meets. */
export interface PlannedFault {
  readonly fault: Fault;
  /** How much of the answer comes before it, 0 to 1, where it strikes in the middle. */
  readonly after: number;
}

const maxRemembered = 10_000;
const oncePrefix = "once:";

/** Decides which fault a request meets. */
export class FaultPlan {
  /** Prompts that met their `once:` fault already, oldest first. */
  private readonly met = new Set<string>();
  /** How often a prompt was here before, the longest unseen first. */
  private readonly visits = new Map<string, number>();

  /** Of requests that ask for none, `rate` meet one of `types`. */
  constructor(
    private readonly rate: number,
    private readonly types: readonly Fault[],
    private readonly seed: number,
  ) {}

  /**
   * The fault asked for by `x_sim_fault`, or one by chance. `once:FAULT` strikes only the first request with this
   * `promptKey`, so that a retry succeeds.
   */
  choose(asked: unknown, promptKey: string): PlannedFault | undefined {
    if (asked === undefined || asked === null) return this.byChance(promptKey);
    if (typeof asked !== "string") throw new RequestError(400, "x_sim_fault must be a string", "x_sim_fault");
    const once = asked.startsWith(oncePrefix);
    const name = once ? asked.slice(oncePrefix.length) : asked;
    const fault = faults.find((candidate) => candidate === name);
    if (fault === undefined) {
      throw new RequestError(
        400,
        `x_sim_fault must be one of ${faults.join(", ")}, each with or without 'once:'`,
        "x_sim_fault",
      );
    }
    return once && !this.remember(`${fault} ${promptKey}`) ? undefined : { fault, after: 0.5 };
  }

  /** Drawn by the seed, the prompt and how often it was seen: in whatever order requests arrive, each meets its fault. */
  private byChance(promptKey: string): PlannedFault | undefined {
    if (this.rate <= 0) return undefined;
    const random = seededRandom(hashText(`${promptKey} ${this.countVisit(promptKey)}`, this.seed));
    if (random() >= this.rate) return undefined;
    const fault = this.types[Math.floor(random() * this.types.length)];
    return fault === undefined ? undefined : { fault, after: random() };
  }

  private countVisit(key: string): number {
    const count = (this.visits.get(key) ?? 0) + 1;
    this.visits.delete(key);
    this.visits.set(key, count);
    if (this.visits.size > maxRemembered) this.visits.delete(this.visits.keys().next().value ?? "");
    return count;
  }

  private remember(key: string): boolean {
    if (this.met.has(key)) return false;
    this.met.add(key);
    if (this.met.size > maxRemembered) this.met.delete(this.met.values().next().value ?? "");
    return true;
  }
}

import { RequestError } from "./request-error.js";

/** The ways in which the simulator can fail, on demand or by chance. */
export const faults = [
  /** The request is taken, and nothing is ever sent. */
  "hang-before",
  /** Half of the answer is sent, then nothing; the connection stays open. */
  "hang-mid",
  /** Half of the answer is sent, then the connection is cut. */
  "cut-mid",
  /** Half of the answer is sent, then bytes that are not JSON. */
  "garbage",
  /** The answer begins with 200; an error object follows half of it. */
  "error-after-200",
  "http-500",
  "http-429",
  "http-503",
] as const;
export type Fault = (typeof faults)[number];

/** Faults drawn by `failureInjectionRate`: those that end by themselves. */
const randomFaults = [
  "cut-mid",
  "garbage",
  "error-after-200",
  "http-500",
  "http-429",
  "http-503",
] as const satisfies Fault[];

const maxRemembered = 10_000;
const oncePrefix = "once:";

/** Decides which fault a request meets. */
export class FaultPlan {
  private readonly rate: number;
  private readonly random: () => number;
  /** Prompts that met their `once:` fault already, oldest first. */
  private readonly met = new Set<string>();

  /** `random` answers numbers in [0, 1). */
  constructor(rate: number, random: () => number) {
    this.rate = rate;
    this.random = random;
  }

  /**
   * The fault asked for by `x_sim_fault`, or one by chance. `once:FAULT` strikes only the first request with this
   * `promptKey`, so that a retry succeeds.
   */
  choose(asked: unknown, promptKey: string): Fault | undefined {
    if (asked === undefined || asked === null) return this.byChance();
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
    return once && !this.remember(`${fault} ${promptKey}`) ? undefined : fault;
  }

  private byChance(): Fault | undefined {
    if (this.rate <= 0 || this.random() >= this.rate) return undefined;
    return randomFaults[Math.floor(this.random() * randomFaults.length)];
  }

  private remember(key: string): boolean {
    if (this.met.has(key)) return false;
    this.met.add(key);
    if (this.met.size > maxRemembered) this.met.delete(this.met.values().next().value ?? "");
    return true;
  }
}

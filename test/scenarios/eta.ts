import { priorityClasses, type PriorityClass } from "@expert-router/contracts";
import { arrivalTimes, Chance } from "./chance.js";
import { openLoop, submitAll } from "./open-loop.js";
import type { RequestTimes } from "./request-records.js";
import { obeyRetryAfter } from "./retry-after.js";
import { expert, numberedAsks, ScenarioSystem, tokensPerS } from "./scenario-system.js";
import { atLeast, atMost, told, type Figure, type Scenario } from "./scenario.js";
import { median, percentile } from "./statistics.js";

const pace = { sequences: 16, tokenMs: 20, firstTokenMs: 40 };
const answerTokens = [20, 60] as const;
const meanAnswer = (answerTokens[0] + answerTokens[1]) / 2;
const perS = tokensPerS(pace, meanAnswer) / meanAnswer;
/** Shorter waits are over before anybody could use an estimate. */
const leastWaitMs = 1_000;

/** Classes that wait at the same time, with the share of the capacity that each offers. */
type Mix = Partial<Record<PriorityClass, number>>;

interface Estimate {
  readonly priority: PriorityClass;
  readonly etaMs: number | null;
  readonly waitMs: number;
}

/** What a client is told about its wait comes true. */
export const eta: Scenario = {
  name: "eta",
  acceptance:
    "under steady load the median relative error of eta_s is ≤ 25 %; a client that obeys Retry-After is admitted the next time ≥ 90 %",
  async run({ seed, short, say }) {
    const [leadS, phaseS, tailS, backlogS, overloadS, maxQueued] = short
      ? [1, 3, 3, 2, 12, 10]
      : [5, 30, 20, 5, 60, 40];
    const chance = new Chance(seed, 0);
    const job = (priority: PriorityClass) => ({
      kind: "job" as const,
      priority,
      maxTokens: chance.between(...answerTokens),
    });

    /**
     * A backlog of the least urgent class of `mix`, then arrivals that keep it about as long as it is: before, while and after those
     * that are measured come, so that the load is steady for as long as they wait.
     */
    const measure = async (system: ScenarioSystem, mix: Mix): Promise<Estimate[]> => {
      const classes = priorityClasses.filter((name) => mix[name] !== undefined);
      const last = classes.at(-1) as PriorityClass;
      const backlog = await submitAll(
        system.client,
        numberedAsks(Math.ceil(perS * backlogS) + pace.sequences, () => job(last)),
      );
      const load = await openLoop(
        system.client,
        classes.flatMap((priority) =>
          arrivalTimes(
            { perS: perS * (mix[priority] as number), forMs: (leadS + phaseS + tailS) * 1_000 },
            chance,
          ).map((atMs, number) => ({
            atMs,
            ask: { model: expert, prompt: `${priority} ${number}.`, ...job(priority) },
          })),
        ),
      ).ended;
      await system.whenEnded(backlog);
      const records = await system.whenEnded(load.outcomes);
      const first = load.outcomes[0]?.sentAtMs ?? 0;
      return estimatesOf(
        records.filter(({ outcome: { sentAtMs } }) => {
          const atS = (sentAtMs - first) / 1_000;
          return atS >= leadS && atS < leadS + phaseS;
        }),
      );
    };

    const steady = await ScenarioSystem.start({
      pace,
    });
    const figures: Figure[] = [];
    const details: Record<string, unknown> = {};
    try {
      // The rate at which the queue drains is measured before anybody asks for it.
      say("warming up …");
      await measure(steady, { async: 0.9 });
      const alone = short ? (["interactive"] as const) : priorityClasses;
      const mixes: Record<string, Mix> = {
        ...Object.fromEntries(alone.map((name) => [`${name} alone`, { [name]: 0.98 }])),
        "batch behind interactive": { interactive: 0.4, batch: 0.58 },
        ...(!short && {
          "async and batch behind interactive": { interactive: 0.3, async: 0.3, batch: 0.38 },
        }),
      };
      for (const [name, mix] of Object.entries(mixes)) {
        say(`${name}, ${phaseS} s …`);
        const estimates = await measure(steady, mix);
        const waited = estimates.filter(({ waitMs }) => waitMs >= leastWaitMs);
        const errors = waited.map(relativeErrorPercent);
        figures.push(
          told(`${name}: jobs that waited ≥ 1 s`, waited.length),
          told("  their wait, median", median(waited.map(({ waitMs }) => waitMs)) / 1_000, "s"),
          // No estimate at all is wrong by 100 %.
          atMost("  error of eta_s, median", median(errors), short ? 95 : 25, "%"),
          told("  error of eta_s, p90", percentile(errors, 0.9), "%"),
        );
        details[name] = estimates;
      }
    } finally {
      await steady.stop();
    }

    const retries = await obeyRetryAfter({ pace, answerTokens, perS, overloadS, maxQueued, chance, say });
    figures.push(
      told("overloaded: clients that came for the first time", retries.first),
      told("  refused with 429", retries.refused),
      told("  told to come back after, median", median(retries.retryAfterS), "s"),
      told("  came back during the overload", retries.cameBack),
      atLeast("  of them admitted", (retries.admitted / retries.cameBack) * 100, short ? 60 : 90, "%"),
      atMost("  refused without Retry-After", retries.withoutRetryAfter, 0),
    );
    return {
      settings: {
        ...pace,
        answer_tokens: answerTokens.join("–"),
        seconds_each: phaseS,
        overload: `${retries.overload} × capacity for ${overloadS} s`,
      },
      figures,
      notes: [
        "eta_s as the answer to POST /v1/jobs has it, against the time from creation to start in the request's record;",
        "what has no eta_s counts as wrong by 100 %.",
      ],
      details: { ...details, retry_after_s: retries.retryAfterS },
    };
  },
};

function estimatesOf(records: readonly RequestTimes[]): Estimate[] {
  return records.flatMap(({ outcome, createdAtMs, startedAtMs }) =>
    startedAtMs === undefined
      ? []
      : [
          {
            priority: outcome.ask.priority as PriorityClass,
            etaMs: outcome.etaS == null ? null : outcome.etaS * 1_000,
            waitMs: startedAtMs - createdAtMs,
          },
        ],
  );
}

function relativeErrorPercent({ etaMs, waitMs }: Estimate): number {
  return (Math.abs((etaMs ?? 0) - waitMs) / waitMs) * 100;
}

import { setTimeout as sleep } from "node:timers/promises";
import type { Dice } from "./dice.js";
import { FaultedSystem, type Part } from "./faulted-system.js";

/** A fault that was drawn: injects itself, and heals. */
export interface Fault {
  readonly kind: FaultKind;
  /** What it hits and for how long, for people. */
  readonly words: string;
  /** Time since the begin of the round. */
  readonly atMs: number;
  /** Resolves when it is over, with the moment from which recovery counts (performance.now). */
  inject(): Promise<number>;
}

/** Every way in which a round can go wrong. */
export const faultKinds = [
  "kill-ingress",
  "kill-worker",
  "kill-engine",
  "kill-redis",
  "stop-worker",
  "stop-redis",
  "swallow-ingress",
  "swallow-worker",
  "cut-redis",
  "delay-redis",
  "cut-engine",
  "engine-faults",
] as const;
export type FaultKind = (typeof faultKinds)[number];

/** Draws one fault of `kind`. */
export function drawFault(kind: FaultKind, dice: Dice, system: FaultedSystem): Fault {
  const atMs = dice.between(400, 1_400);
  const of = (words: string, inject: () => Promise<number>): Fault => ({ kind, atMs, inject, words });
  switch (kind) {
    case "kill-ingress":
      return of(...killing(dice.pick(system.ingresses), dice.between(50, 1_500)));
    case "kill-worker":
      return of(...killing(dice.pick(system.workers), dice.between(50, 2_500)));
    case "kill-engine":
      return of(...killing(dice.pick(system.engines), dice.between(50, 2_500)));
    case "kill-redis": {
      const pauseMs = dice.between(50, 2_500);
      return of(`redis, ${pauseMs} ms`, () => system.restartRedis(pauseMs));
    }
    case "stop-worker":
      // Longer than the lock, and than the silence after which its jobs are given to others.
      return of(...freezing(dice.pick(system.workers), dice.between(2_500, 6_000)));
    case "stop-redis": {
      const pauseMs = dice.between(300, 4_500);
      return of(`redis, ${pauseMs} ms`, async () => {
        system.redis.kill("SIGSTOP");
        await sleep(pauseMs);
        system.redis.kill("SIGCONT");
        return performance.now();
      });
    }
    case "swallow-ingress":
      return of(...swallowing(dice.pick(system.ingresses), dice.between(20, 600)));
    case "swallow-worker":
      return of(...swallowing(dice.pick(system.workers), dice.between(20, 600)));
    case "cut-redis": {
      const part = dice.pick([...system.ingresses, ...system.workers]);
      return of(part.name, async () => {
        part.redis?.cut();
        return performance.now();
      });
    }
    case "delay-redis":
      return of(...delaying(dice.pick([...system.ingresses, ...system.workers]), dice));
    case "cut-engine": {
      const part = dice.pick(system.workers);
      return of(`${part.name} from its engine`, async () => {
        part.engine?.cutMidReply();
        return performance.now();
      });
    }
    case "engine-faults":
      // The requests themselves ask for them.
      return of("a third of the requests", async () => performance.now());
  }
}

type Drawn = [words: string, inject: () => Promise<number>];

function killing(part: Part, pauseMs: number): Drawn {
  return [
    `${part.name}, ${pauseMs} ms`,
    async () => {
      const atMs = performance.now();
      FaultedSystem.kill(part);
      await sleep(pauseMs);
      await FaultedSystem.revive(part);
      return atMs;
    },
  ];
}

function freezing(part: Part, pauseMs: number): Drawn {
  return [
    `${part.name}, ${pauseMs} ms`,
    async () => {
      const { process } = part;
      const atMs = performance.now();
      process.kill("SIGSTOP");
      await sleep(pauseMs);
      process.kill("SIGCONT");
      return atMs;
    },
  ];
}

function swallowing(part: Part, forMs: number): Drawn {
  return [
    `${part.name}, ${forMs} ms`,
    async () => {
      part.redis?.set("swallow");
      await sleep(forMs);
      part.redis?.heal();
      return performance.now();
    },
  ];
}

function delaying(part: Part, dice: Dice): Drawn {
  const delayMs = dice.between(20, 200);
  const forMs = dice.between(300, 1_500);
  return [
    `${part.name} by ${delayMs} ms for ${forMs} ms`,
    async () => {
      part.redis?.delay(delayMs);
      await sleep(forMs);
      part.redis?.delay(0);
      return performance.now();
    },
  ];
}

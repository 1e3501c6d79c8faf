import { batches } from "./batches.js";
import { eta } from "./eta.js";
import { fairness } from "./fairness.js";
import { interference } from "./interference.js";
import { minimumShare } from "./minimum-share.js";
import { overloadScenario } from "./overload.js";
import { scaling } from "./scaling.js";
import type { Scenario } from "./scenario.js";
import { slowdown } from "./slowdown.js";
import { spillover } from "./spillover.js";
import { weightsScenario } from "./weights.js";

/** Every scenario, in the order of the acceptance list, and one more. */
export const scenarios: readonly Scenario[] = [
  fairness,
  weightsScenario,
  interference,
  minimumShare,
  eta,
  overloadScenario,
  spillover,
  scaling,
  slowdown,
  batches,
];

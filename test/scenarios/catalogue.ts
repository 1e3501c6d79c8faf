import { fairness } from "./fairness.js";
import { interference } from "./interference.js";
import { minimumShare } from "./minimum-share.js";
import type { Scenario } from "./scenario.js";
import { weightsScenario } from "./weights.js";

/** Every scenario, in the order of the acceptance list. */
export const scenarios: readonly Scenario[] = [fairness, weightsScenario, interference, minimumShare];

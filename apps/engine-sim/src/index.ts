export { faults, type Fault } from "./fault.js";
export { runEngineSim, type EngineSim } from "./run-engine-sim.js";
export {
  defaultEngineSimOptions,
  parseEngineSimArguments,
  servedModelName,
  type EngineSimOptions,
} from "./sim-options.js";
export * from "./simulated-answer.js";
export { seededRandom } from "./seeded-random.js";

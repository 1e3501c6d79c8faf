export {
  childEnvironment,
  readClientSettings,
  readCommandSettings,
  readModelSettings,
  systemConfigPath,
  type CommandSettings,
  type ModelSettings,
} from "./command-settings.js";
export { ConfigError } from "./config-error.js";
export { logLevels, type Environment, type LogLevel } from "./environment.js";
export { readIngressSettings, type IngressSettings } from "./ingress-settings.js";
export { isLoopback } from "./loopback.js";
export { masked, maskedUrl } from "./masked.js";
export {
  loadSystemConfig,
  type ClassConfig,
  type EngineConfig,
  type ExpertConfig,
  type KeepPromptsConfig,
  type LoadOptions,
  type RouterConfig,
  type SchedulingConfig,
  type SystemConfig,
} from "./system-config.js";
export { readWorkerSettings, type WorkerSettings } from "./worker-settings.js";

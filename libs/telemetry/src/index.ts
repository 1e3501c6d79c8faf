export { describeError, type ErrorDescription } from "./describe-error.js";
export { createLogger, type Logger, type LoggerOptions } from "./logger.js";
export { createMetrics, type Metrics } from "./metrics.js";
export type { RouterMetrics } from "./router-metrics.js";

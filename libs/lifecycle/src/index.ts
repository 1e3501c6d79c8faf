export { boundHeapGrowth } from "./heap-growth.js";
export {
  Lifecycle,
  type DrainStepReport,
  type LifecycleOptions,
  type LifecycleState,
  type Readiness,
  type SignalSource,
} from "./lifecycle.js";
export { startOpsServer, type MetricsSource, type OpsServer, type OpsServerOptions } from "./ops-server.js";

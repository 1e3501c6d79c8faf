/** Names under which the container keeps what has no class of its own. */
export const SETTINGS = Symbol("settings");
export const WORKER_ID = Symbol("worker id");
export const LOGGER = Symbol("logger");
export const METRICS = Symbol("metrics");
export const REDIS = Symbol("redis");
export const SUBSCRIBER = Symbol("subscriber");
export const ENGINE = Symbol("engine");

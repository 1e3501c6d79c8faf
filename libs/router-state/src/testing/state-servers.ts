import { startRedis } from "@expert-router/testing";

/** The servers that specs of the router's state run on; a spec may put others here before the suites run. */
export const stateServers: { start: () => Promise<{ readonly url: string; stop(): Promise<void> }> } = {
  start: () => startRedis(),
};

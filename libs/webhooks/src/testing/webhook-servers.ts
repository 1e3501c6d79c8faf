import { startRedis } from "@expert-router/testing";

/** The servers that specs of webhooks run on; a spec may put others here before the suites run. */
export const webhookServers: { start: () => Promise<{ readonly url: string; stop(): Promise<void> }> } = {
  start: () => startRedis(),
};

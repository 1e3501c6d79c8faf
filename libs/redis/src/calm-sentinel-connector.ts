import { SentinelConnector, type SentinelConnectionOptions } from "ioredis";

/** What `SentinelConnector` keeps of its own. */
interface Detecting {
  readonly failoverDetector: { cleanup(): void } | null;
}

/**
 * ioredis's connector, with its listening for failovers ended while it connects. Otherwise the news of a promotion that comes
 * during a reconnect breaks that reconnect off, which ends the connection for good and fails the commands that wait.
 */
export class CalmSentinelConnector extends SentinelConnector {
  constructor(options: unknown) {
    super(options as SentinelConnectionOptions);
  }

  override connect(
    ...args: Parameters<SentinelConnector["connect"]>
  ): ReturnType<SentinelConnector["connect"]> {
    (this as unknown as Detecting).failoverDetector?.cleanup();
    return super.connect(...args);
  }
}

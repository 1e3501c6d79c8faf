import {
  FolderInUseError,
  keepRedis,
  provideRedisBinary,
  RedisMissingError,
  type KeptRedis,
} from "@expert-router/redis-server";
import { CommandFailure } from "../command-failure.js";
import { CrashCount } from "./crash-count.js";

export interface SupervisedRedisOptions {
  readonly folder: string;
  readonly say: (line: string) => void;
  /** Called once, when Redis crashed too often or cannot come back. */
  readonly onGivenUp: (reason: string) => void;
}

/** The durable Redis of this machine's system: started, kept alive on one port, stopped. */
export class SupervisedRedis {
  readonly #options: SupervisedRedisOptions;
  readonly #crashes = new CrashCount();
  readonly #binary: string;
  #server: KeptRedis;
  #stopping = false;

  private constructor(options: SupervisedRedisOptions, binary: string, server: KeptRedis) {
    this.#options = options;
    this.#binary = binary;
    this.#server = server;
    this.#watch();
  }

  /** @throws CommandFailure where there is no Redis program, or the folder is in use. */
  static async start(options: SupervisedRedisOptions): Promise<SupervisedRedis> {
    try {
      const binary = await provideRedisBinary(options.say);
      const server = await keepRedis({ binary, folder: options.folder });
      return new SupervisedRedis(options, binary, server);
    } catch (error) {
      if (error instanceof RedisMissingError) throw new CommandFailure(error.message);
      if (!(error instanceof FolderInUseError)) throw error;
      throw new CommandFailure(
        `${error.message}: is the system up already? EXPERT_ROUTER_DATA_DIR names another folder for a second one.`,
      );
    }
  }

  get url(): string {
    return this.#server.url;
  }

  /** One line for whoever watches the start. */
  get description(): string {
    const origin = this.#server.adopted ? "left over by a killed process, adopted" : this.#binary;
    return `${this.url} (${origin}), data in ${this.#options.folder}`;
  }

  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    await this.#server.stop(graceMs);
  }

  #watch(): void {
    void this.#server.exited.then(async () => {
      if (this.#stopping) return;
      const delayMs = this.#crashes.next(performance.now());
      if (delayMs === undefined) return this.#options.onGivenUp("Redis crashed too often");
      this.#options.say(`redis ended; it starts again in ${delayMs} ms`);
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      if (!this.#stopping) await this.#startAgain();
    });
  }

  async #startAgain(): Promise<void> {
    try {
      const { port } = this.#server;
      this.#server = await keepRedis({ binary: this.#binary, folder: this.#options.folder, port });
      this.#watch();
    } catch (error) {
      this.#options.onGivenUp(`Redis did not come back: ${(error as Error).message}`);
    }
  }
}

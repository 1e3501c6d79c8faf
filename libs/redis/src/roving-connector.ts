import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions } from "node:tls";
import type { RedisAddress } from "@expert-router/contracts";
import { AbstractConnector } from "ioredis";

/** What of the ioredis options this connector heeds. */
interface RovingOptions {
  readonly addresses: readonly RedisAddress[];
  readonly tls?: ConnectionOptions;
  readonly disconnectTimeout: number;
}

/** Connects to one of several servers that serve alike; to the next one each time, beginning anywhere. */
export class RovingConnector extends AbstractConnector {
  private readonly options: RovingOptions;
  private turn: number;

  constructor(options: unknown) {
    super((options as RovingOptions).disconnectTimeout);
    this.options = options as RovingOptions;
    this.turn = Math.floor(Math.random() * this.options.addresses.length);
  }

  async connect(): Promise<Socket> {
    this.connecting = true;
    const { addresses, tls } = this.options;
    const { host, port } = addresses[this.turn++ % addresses.length] as RedisAddress;
    const stream = tls === undefined ? connectTcp({ host, port }) : connectTls({ host, port, ...tls });
    stream.once("error", (error) => (this.firstError = error));
    this.stream = stream;
    return stream;
  }
}

import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

/**
 * What a {@link FaultProxy} does to what passes through it. `swallow`: everything reaches the server, nothing comes back.
 * `stall`: nothing passes in either direction, and nobody is told. `refuse`: nobody listens, as if
 * the server had ended.
 */
export type ProxyMode = "pass" | "swallow" | "stall" | "refuse";

interface Link {
  readonly client: Socket;
  readonly server: Socket;
  /** Bytes that never arrived make what would come behind them meaningless. */
  damaged: boolean;
}

/** A TCP proxy in front of one server on this machine, which delays, cuts, stalls, and swallows replies. */
export class FaultProxy {
  private readonly links = new Set<Link>();
  private mode: ProxyMode = "pass";
  private delayMs = 0;
  /** Links whose next reply is cut in its middle. */
  private readonly cutting = new Set<Link>();

  /** Where it listens. */
  readonly port: number;

  private constructor(
    private readonly targetPort: number,
    private readonly listener: Server,
  ) {
    this.port = (listener.address() as AddressInfo).port;
    listener.on("connection", (client: Socket) => this.link(client));
  }

  /** Listens on a free port of 127.0.0.1; `targetPort` is the server's, which need not run yet. */
  static async start(targetPort: number): Promise<FaultProxy> {
    const listener = createServer();
    listener.listen(0, "127.0.0.1");
    await once(listener, "listening");
    return new FaultProxy(targetPort, listener);
  }

  /** Connections that are open. */
  get connections(): number {
    return this.links.size;
  }

  /** From now on, for connections that are open and new ones alike. */
  set(mode: Exclude<ProxyMode, "pass">): void {
    this.mode = mode;
    if (mode !== "refuse") return;
    this.listener.close();
    this.cut();
  }

  /** Holds every piece back for `delayMs`, in both directions; 0 ends it. */
  delay(delayMs: number): void {
    this.delayMs = delayMs;
  }

  /** Breaks every connection off with a reset. */
  cut(): void {
    for (const link of this.links) this.drop(link);
  }

  /** Breaks each open connection off in the middle of the next piece that the server sends. */
  cutMidReply(): void {
    for (const link of this.links) this.cutting.add(link);
  }

  /** Lets everything pass again. Connections that miss something are broken off. */
  heal(): void {
    this.mode = "pass";
    if (!this.listener.listening) this.listener.listen(this.port, "127.0.0.1");
    this.delayMs = 0;
    this.cutting.clear();
    for (const link of this.links) if (link.damaged) this.drop(link);
  }

  async close(): Promise<void> {
    const closed = this.listener.listening ? once(this.listener, "close") : undefined;
    this.listener.close();
    this.cut();
    await closed;
  }

  private link(client: Socket): void {
    const server = connect({ port: this.targetPort, host: "127.0.0.1" });
    const link: Link = { client, server, damaged: false };
    this.links.add(link);
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      // Whatever ends one side ends the other; half-open connections are none of the faults here.
      socket.on("error", () => this.drop(link));
      socket.on("close", () => this.drop(link));
    }
    client.on("data", (piece) => this.forward(link, client, server, piece));
    server.on("data", (piece) => this.forward(link, server, client, piece));
  }

  private forward(link: Link, from: Socket, to: Socket, piece: Buffer): void {
    const isReply = from === link.server;
    if (this.mode === "stall" || (this.mode === "swallow" && isReply)) {
      link.damaged = true;
      return;
    }
    if (link.damaged) return;
    if (isReply && this.cutting.delete(link)) {
      to.write(piece.subarray(0, piece.length >> 1), () => this.drop(link));
      link.damaged = true;
      return;
    }
    // One piece at a time keeps their order and bounds what is held.
    from.pause();
    const pass = (): void => {
      if (to.destroyed) return;
      if (to.write(piece)) from.resume();
      else to.once("drain", () => from.resume());
    };
    if (this.delayMs > 0) setTimeout(pass, this.delayMs);
    else pass();
  }

  private drop(link: Link): void {
    if (!this.links.delete(link)) return;
    this.cutting.delete(link);
    link.client.resetAndDestroy();
    link.server.resetAndDestroy();
  }
}

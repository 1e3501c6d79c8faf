import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { Job } from "@expert-router/contracts";
import { findFreePort } from "@expert-router/testing";
import { Webhook } from "standardwebhooks";

/** One delivery that a receiver got. */
export interface ReceivedWebhook {
  readonly id: string;
  readonly path: string;
  readonly event: { type: string; timestamp: string; data: Job };
}

/** A receiver of webhooks that checks every signature, and can be down. */
export class WebhookReceiver {
  readonly received: ReceivedWebhook[] = [];
  /** What it answers next, in turn; 204 when there is nothing left. */
  readonly answers: number[] = [];
  /** Signatures that did not fit. */
  readonly forged: unknown[] = [];
  private server: Server | undefined;

  private constructor(
    private readonly port: number,
    private readonly secret: string,
  ) {}

  static async create(secret: string): Promise<WebhookReceiver> {
    return new WebhookReceiver(await findFreePort(), secret);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async up(): Promise<void> {
    const server = createServer((request, response) => {
      let body = "";
      request.setEncoding("utf8");
      request.on("data", (part: string) => (body += part));
      request.on("end", () => {
        try {
          const headers = request.headers as Record<string, string>;
          const event = new Webhook(this.secret).verify(body, headers) as ReceivedWebhook["event"];
          this.received.push({ id: headers["webhook-id"] ?? "", path: request.url ?? "", event });
        } catch (error) {
          this.forged.push(error);
        }
        response.writeHead(this.answers.shift() ?? 204).end();
      });
    });
    this.server = server;
    server.listen(this.port, "127.0.0.1");
    await once(server, "listening");
  }

  down(): void {
    this.server?.closeAllConnections();
    this.server?.close();
  }

  /** Deliveries of the job with this id. */
  of(jobId: string): ReceivedWebhook[] {
    return this.received.filter(({ event }) => event.data.id === jobId);
  }
}

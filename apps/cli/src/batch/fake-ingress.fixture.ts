import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { Batch, BatchSubmission } from "@expert-router/contracts";

/** Answers a request in the place of the ingress; false leaves it to the ingress. */
type Interference = (request: string, response: ServerResponse) => boolean;

/** An ingress that holds batches and ends them when it is told to. */
export class FakeIngress {
  readonly batches: Batch[] = [];
  /** What was asked, as `GET /v1/batches`. */
  readonly asked: string[] = [];
  /** Idempotency-Keys of uploads. */
  readonly uploadKeys: unknown[] = [];
  /** Content of files by their ids. */
  readonly files = new Map<string, string>();
  interfere: Interference = () => false;

  private constructor(private readonly server: Server) {}

  static async start(): Promise<FakeIngress> {
    const server = createServer((request, response) => void ingress.answer(request, response));
    const ingress = new FakeIngress(server);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return ingress;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.server.close().closeAllConnections();
  }

  /** Ends the newest batch with these files. */
  end(output: string | undefined, errors?: string): void {
    const batch = this.batches.at(-1) as Batch;
    const put = (id: string, content: string | undefined): string | null => {
      if (content === undefined) return null;
      this.files.set(id, content);
      return id;
    };
    Object.assign(batch, {
      status: "completed",
      output_file_id: put(`${batch.id}-output`, output),
      error_file_id: put(`${batch.id}-errors`, errors),
    });
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request).catch(() => undefined);
    if (body === undefined) return;
    const path = request.url!.split("?")[0]!;
    const route = `${request.method} ${path}`;
    this.asked.push(route);
    if (route === "POST /v1/files") this.uploadKeys.push(request.headers["idempotency-key"]);
    // Before it is answered, so that it happens although the answer is lost.
    const made = route === "POST /v1/batches" ? this.create(JSON.parse(body) as BatchSubmission) : undefined;
    if (this.interfere(route, response)) return;
    const json = (value: unknown): void => void response.end(JSON.stringify(value));
    const [, , kind, id] = path.split("/");
    if (route === "POST /v1/files") json({ id: "file-input" });
    else if (made !== undefined) json(made);
    else if (kind === "batches" && id === undefined) json(this.page(request.url!));
    else if (kind === "batches" && this.find(id)) json(this.find(id));
    else if (kind === "files" && this.files.has(id!)) response.end(this.files.get(id!));
    else refuse(response, 404, "not_found");
  }

  /** The newest first. */
  private page(url: string): object {
    const query = new URL(url, this.url).searchParams;
    const all = this.batches.toReversed();
    const from = all.findIndex(({ id }) => id === query.get("after")) + 1;
    const data = all.slice(from, from + Number(query.get("limit")));
    return { data, last_id: data.at(-1)?.id ?? null, has_more: from + data.length < all.length };
  }

  private find(id: string | undefined): Batch | undefined {
    return this.batches.find((batch) => batch.id === id);
  }

  private create({ metadata }: BatchSubmission): Batch {
    const batch = {
      id: `batch_${this.batches.length + 1}`,
      status: "in_progress",
      request_counts: { total: 2, completed: 0, failed: 0 },
      errors: null,
      output_file_id: null,
      error_file_id: null,
      metadata,
    } as unknown as Batch;
    this.batches.push(batch);
    return batch;
  }
}

/** Answers with an error as the ingress does. */
export function refuse(response: ServerResponse, status: number, code: string): true {
  response.writeHead(status).end(JSON.stringify({ error: { code, message: "so it is" } }));
  return true;
}

import { EnvHttpProxyAgent, fetch, type Response } from "undici";
import { z } from "zod";
import { CommandFailure } from "../command-failure.js";
import { assertSafePath, type RemoteFile } from "./remote-file.js";

/** Where models come from. */
export interface HubAddress {
  /** Such as `https://huggingface.co`. */
  readonly endpoint: string;
  /** Sent as a bearer token to the endpoint, and to nobody else. */
  readonly token?: string | undefined;
}

/** The connection failed or broke; another attempt may succeed. */
export class HubConnectionError extends CommandFailure {}

/** Pages of a listing that are read: a repository with more files than they hold is no encoder's. */
const maxPages = 20;
const silenceMs = 60_000;

const listingSchema = z.array(
  z.object({
    type: z.string(),
    path: z.string(),
    size: z.number().int().nonnegative(),
    oid: z.string(),
    lfs: z
      .object({ oid: z.string().regex(/^[0-9a-f]{64}$/), size: z.number().int().nonnegative() })
      .nullish(),
  }),
);

/** The part of the Hugging Face hub's HTTP interface that fetching a model needs (https://huggingface.co/docs/hub/api). */
export class ModelHub {
  /** Goes through the proxy that the environment names, if any. */
  private readonly dispatcher = new EnvHttpProxyAgent({ headersTimeout: silenceMs, bodyTimeout: silenceMs });

  constructor(private readonly address: HubAddress) {}

  /** Every file of `repo` at `revision`. @throws CommandFailure saying what the hub does not give, and why. */
  async list(repo: string, revision: string): Promise<RemoteFile[]> {
    const files: RemoteFile[] = [];
    let url: URL | undefined = this.url(
      `api/models/${repo}/tree/${encodeURIComponent(revision)}?recursive=true`,
    );
    for (let page = 0; url !== undefined && page < maxPages; page++) {
      const answer = await this.get(url, {});
      if (!answer.ok) throw await this.refusal(answer, repo, revision);
      const listing = listingSchema.safeParse(await this.body(answer));
      if (!listing.success)
        throw new CommandFailure(`${this.address.endpoint} does not answer as the Hugging Face hub does`);
      for (const { type, path, size, oid, lfs } of listing.data) {
        if (type !== "file") continue;
        assertSafePath(path);
        files.push({
          path,
          bytes: lfs?.size ?? size,
          digest: lfs ? { kind: "sha256", hex: lfs.oid } : { kind: "git", hex: oid },
        });
      }
      url = this.nextPage(answer);
    }
    return files;
  }

  /** The content of a file from byte `from` on; the answer may begin at 0 all the same (status 200). */
  async open(repo: string, revision: string, path: string, from: number): Promise<Response> {
    const encoded = path.split("/").map(encodeURIComponent).join("/");
    const url = this.url(`${repo}/resolve/${encodeURIComponent(revision)}/${encoded}`);
    const answer = await this.get(url, from > 0 ? { range: `bytes=${from}-` } : {});
    if (answer.ok || answer.status === 416) return answer;
    throw await this.refusal(answer, repo, revision, path);
  }

  async close(): Promise<void> {
    await this.dispatcher.destroy();
  }

  private url(path: string): URL {
    return new URL(path, this.address.endpoint.replace(/\/*$/, "/"));
  }

  private async get(url: URL, headers: Record<string, string>): Promise<Response> {
    const { token, endpoint } = this.address;
    try {
      return await fetch(url, {
        dispatcher: this.dispatcher,
        // Compressed content has no byte ranges of its own. A redirect to another host loses the token.
        headers: {
          ...headers,
          "accept-encoding": "identity",
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
      });
    } catch (error) {
      throw new HubConnectionError(`${endpoint} cannot be reached: ${reasonOf(error)}`);
    }
  }

  private async body(answer: Response): Promise<unknown> {
    try {
      return await answer.json();
    } catch (error) {
      if (error instanceof SyntaxError) return undefined;
      throw new HubConnectionError(`${this.address.endpoint} broke off: ${reasonOf(error)}`);
    }
  }

  /** Pages of another host are not followed. */
  private nextPage(answer: Response): URL | undefined {
    const next = /<([^>]+)>\s*;\s*rel="?next"?/.exec(answer.headers.get("link") ?? "")?.[1];
    if (next === undefined) return undefined;
    const url = new URL(next, answer.url);
    return url.origin === new URL(this.address.endpoint).origin ? url : undefined;
  }

  private async refusal(
    answer: Response,
    repo: string,
    revision: string,
    path?: string,
  ): Promise<CommandFailure> {
    await answer.body?.cancel();
    const what = path === undefined ? `${repo} at revision ${revision}` : `${path} of ${repo}`;
    const { endpoint, token } = this.address;
    switch (answer.status) {
      case 401:
      case 403:
        return new CommandFailure(
          token === undefined
            ? `${endpoint} does not give ${what} to strangers (${answer.status}): the name is wrong, or it needs a token in HF_TOKEN`
            : `${endpoint} does not give ${what} to the token in HF_TOKEN (${answer.status}); a gated model asks for consent on its page`,
        );
      case 404:
        return new CommandFailure(`${endpoint} has no ${what} (404)`);
      default: {
        const message = `${endpoint} answered ${answer.status} when asked for ${what}`;
        const isPassing = answer.status >= 500 || answer.status === 429 || answer.status === 408;
        return isPassing ? new HubConnectionError(message) : new CommandFailure(message);
      }
    }
  }
}

/** `fetch` hides what went wrong in the cause of its error. */
export function reasonOf(error: unknown): string {
  const { cause, message } = error as Error;
  if (!(cause instanceof Error)) return message;
  const { code } = cause as NodeJS.ErrnoException;
  return code === undefined || cause.message.includes(code) ? cause.message : `${cause.message} (${code})`;
}

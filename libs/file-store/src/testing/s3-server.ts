import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import S3rver from "@20minutes/s3rver";
import type { S3Settings } from "../s3-store.js";

/** An S3-speaking server with a bucket. */
export interface TestS3 {
  readonly settings: S3Settings;
  stop(): Promise<void>;
}

/**
 * The server that `S3_TEST_URL` names (`http://KEY:SECRET@host:port/bucket`, the bucket being there), for example moto's; or
 * s3rver in this process.
 */
export async function startS3(): Promise<TestS3> {
  const named = process.env["S3_TEST_URL"];
  if (named !== undefined) return { settings: settingsOf(new URL(named)), stop: async () => undefined };
  const directory = mkdtempSync(join(tmpdir(), "expert-router-s3-"));
  const server = new S3rver({
    address: "127.0.0.1",
    port: 0,
    silent: true,
    // It signs the path of a listing in another way than Amazon does.
    allowMismatchedSignatures: true,
    directory,
    configureBuckets: [{ name: "test", configs: [] }],
  });
  server.middleware.unshift(conditionalWrites(), conditionalReads());
  listInOnePage(server);
  const { port } = (await server.run()) as AddressInfo;
  return {
    settings: settingsOf(new URL(`http://S3RVER:S3RVER@127.0.0.1:${port}/test`)),
    stop: async () => {
      await server.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

interface KoaContext {
  readonly method: string;
  readonly path: string;
  /** A header of the request. */
  get(header: string): string;
  /** The answer; `get` gives its headers. */
  readonly response: { get(header: string): string | undefined };
  status: number;
  type: string;
  body: unknown;
  readonly store: { existsObject(bucket: string, key: string): Promise<boolean> };
}

/** What s3rver lacks: `If-None-Match: *` on PUT, one request after the other. */
function conditionalWrites() {
  let last: Promise<unknown> = Promise.resolve();
  return async (ctx: KoaContext, next: () => Promise<void>): Promise<void> => {
    if (ctx.method !== "PUT" || ctx.get("if-none-match") !== "*") return next();
    const [, bucket = "", ...key] = decodeURIComponent(ctx.path).split("/");
    const write = async (): Promise<void> => {
      if (!(await ctx.store.existsObject(bucket, key.join("/")))) return next();
      ctx.status = 412;
      ctx.type = "application/xml";
      ctx.body = "<Error><Code>PreconditionFailed</Code><Message>It exists.</Message></Error>";
    };
    const turn = last.then(write);
    last = turn.catch(() => undefined);
    await turn;
  };
}

/** It also lacks `If-Match` on GET, and invents a byte of an empty object where a range is asked for. */
function conditionalReads() {
  return async (ctx: KoaContext, next: () => Promise<void>): Promise<void> => {
    await next();
    if (ctx.method !== "GET" || ctx.status >= 300) return;
    const refuse = (status: number, code: string): void => {
      (ctx.body as Readable).destroy();
      ctx.status = status;
      ctx.type = "application/xml";
      ctx.body = `<Error><Code>${code}</Code><Message>${code}</Message></Error>`;
    };
    const etag = ctx.get("if-match");
    if (etag !== "" && etag !== ctx.response.get("etag")) refuse(412, "PreconditionFailed");
    else if (ctx.response.get("content-range")?.endsWith("/0")) refuse(416, "InvalidRange");
  };
}

/** It misses folders that hold nothing but folders, and needs a cipher for its page tokens that OpenSSL 3 has no more. */
function listInOnePage(server: S3rver): void {
  const original = server.store.listObjects.bind(server.store);
  server.store.listObjects = async (bucket, { delimiter, startAfter, prefix = "" }) => {
    const all = await original(bucket, { prefix, ...(startAfter !== undefined && { startAfter }) });
    const folders = new Set<string>();
    const objects = all.objects.filter(({ key }) => {
      const at = delimiter ? key.indexOf(delimiter, prefix.length) : -1;
      if (at >= 0) folders.add(key.slice(0, at + 1));
      return at < 0;
    });
    return { objects, commonPrefixes: [...folders], isTruncated: false };
  };
}

function settingsOf({ username, password, host, pathname }: URL): S3Settings {
  return {
    bucket: pathname.slice(1),
    region: "us-east-1",
    endpoint: `http://${host}`,
    // Each run has its own corner of a bucket that others use as well.
    prefix: `run-${Date.now()}-${process.pid}/`,
    pathStyle: true,
    credentials: { accessKeyId: username, secretAccessKey: password },
  };
}

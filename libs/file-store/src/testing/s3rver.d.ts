declare module "@20minutes/s3rver" {
  export interface Listing {
    readonly objects: readonly { readonly key: string }[];
    readonly commonPrefixes: readonly string[];
    readonly isTruncated: boolean;
  }
  export interface ListOptions {
    readonly delimiter?: string;
    readonly startAfter?: string;
    readonly prefix?: string;
    readonly maxKeys?: number;
  }
  /** An S3-speaking server, which is a Koa application. */
  export default class S3rver {
    constructor(options: Record<string, unknown>);
    readonly middleware: unknown[];
    readonly store: { listObjects: (bucket: string, options: ListOptions) => Promise<Listing> };
    run(): Promise<unknown>;
    close(): Promise<void>;
  }
}

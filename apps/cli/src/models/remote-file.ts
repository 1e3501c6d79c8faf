import { CommandFailure } from "../command-failure.js";

/** A file of a repository, as the hub lists it. */
export interface RemoteFile {
  /** Path in the repository, with `/`. */
  readonly path: string;
  readonly bytes: number;
  /** SHA-256 of a large file's content; git's own id (SHA-1 over a header and the content) of a small one. */
  readonly digest: { readonly kind: "sha256" | "git"; readonly hex: string };
}

/** @throws CommandFailure for a path that would be written elsewhere than below the folder it is meant for. */
export function assertSafePath(path: string): void {
  const parts = path.split("/");
  const isSafe =
    path.length <= 512 &&
    !/[\\:\p{Cc}]/u.test(path) &&
    parts.every((part) => part !== "" && part !== "." && part !== "..");
  if (isSafe) return;
  throw new CommandFailure(
    `the hub lists a file with the path ${JSON.stringify(path)}, which is not safe to write`,
  );
}

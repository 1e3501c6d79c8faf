import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { z } from "zod";
import { EncoderError } from "./encoder-error.js";
import type { EncoderFile } from "./encoder-plan.js";

/** The files of one encoder's folder, and a list of those that were used. */
export class FolderFiles {
  private readonly used = new Set<string>();

  constructor(readonly dir: string) {}

  /** Whether `name` is a file of the folder. */
  async has(name: string): Promise<boolean> {
    return stat(join(this.dir, name)).then(
      (of) => of.isFile(),
      () => false,
    );
  }

  /** Names in the subfolder `name` that end with `.onnx`, sorted; none where there is no such folder. */
  async models(name: string): Promise<string[]> {
    const names = await readdir(join(this.dir, name)).catch(() => []);
    const prefix = name === "" ? "" : `${name}/`;
    return names
      .filter((of) => of.endsWith(".onnx"))
      .toSorted()
      .map((of) => prefix + of);
  }

  /** Counts `name` among the files used. */
  use(name: string): void {
    this.used.add(name);
  }

  /**
   * The checked JSON of `name`, or undefined where there is no such file.
   * @throws EncoderError `encoder_invalid` or, when it is there and cannot be read, `encoder_missing`.
   */
  async json<Value>(name: string, schema: z.ZodType<Value>): Promise<Value | undefined> {
    const path = join(this.dir, name);
    let text: string;
    try {
      text = await readFile(path, "utf8");
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw new EncoderError("encoder_missing", `${path} cannot be read: ${(cause as Error).message}`, {
        cause,
      });
    }
    this.use(name);
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (cause) {
      throw new EncoderError("encoder_invalid", `${path} is not JSON: ${(cause as Error).message}`, {
        cause,
      });
    }
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    const { path: at, message } = parsed.error.issues[0]!;
    throw new EncoderError("encoder_invalid", `${path}: ${at.join(".") || "its value"}: ${message}`);
  }

  /** Every file that was used, by name. Read in pieces, for a model may have gigabytes. */
  async describeUsed(): Promise<EncoderFile[]> {
    const files: EncoderFile[] = [];
    for (const name of [...this.used].toSorted()) {
      const hash = createHash("sha256");
      let bytes = 0;
      try {
        for await (const piece of createReadStream(join(this.dir, name)) as AsyncIterable<Buffer>) {
          hash.update(piece);
          bytes += piece.length;
        }
      } catch (cause) {
        const path = join(this.dir, name);
        throw new EncoderError("encoder_missing", `${path} cannot be read: ${(cause as Error).message}`, {
          cause,
        });
      }
      files.push({ name, sha256: hash.digest("hex"), bytes });
    }
    return files;
  }
}

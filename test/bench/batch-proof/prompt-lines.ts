import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { createGunzip } from "node:zlib";

/** The input file of a batch: prompts of `file`, from its beginning again as often as it takes. */
export async function writePrompts(options: {
  readonly file: string;
  readonly lines: number;
  readonly maxTokens: number;
}): Promise<Buffer> {
  const prompts = await readPrompts(options.file, options.lines);
  const lines: string[] = [];
  for (let i = 0; i < options.lines; i++) {
    const messages = [{ role: "user", content: prompts[i % prompts.length] }];
    lines.push(
      JSON.stringify({
        custom_id: `line-${i + 1}`,
        method: "POST",
        url: "/v1/chat/completions",
        body: { model: "auto", messages, max_tokens: options.maxTokens },
      }),
    );
  }
  return Buffer.from(`${lines.join("\n")}\n`);
}

async function readPrompts(path: string, most: number): Promise<string[]> {
  const file = createReadStream(path);
  const bytes = path.endsWith(".gz") ? file.pipe(createGunzip()) : file;
  const prompts: string[] = [];
  for await (const line of createInterface({ input: bytes, crlfDelay: Infinity })) {
    if (line.trim() === "") continue;
    prompts.push((JSON.parse(line) as { text: string }).text);
    if (prompts.length === most) break;
  }
  file.destroy();
  if (prompts.length === 0) throw new Error(`${path} holds no prompts`);
  return prompts;
}

import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { CommandSettings } from "@expert-router/config";
import { RedisKeptPrompts } from "@expert-router/router-state";
import { CommandFailure } from "../command-failure.js";
import { withStateRedis } from "./state-redis.js";

/** Writes the kept prompts to `file`, which appears only when it is whole; readable by its owner only. */
export async function exportKeptPrompts(settings: CommandSettings, file: string): Promise<void> {
  const count = await withStateRedis(settings, async (redis) => {
    const kept = new RedisKeptPrompts(redis);
    const bounds = settings.system.router?.keepPrompts;
    if (bounds !== undefined) await kept.trim(bounds);
    let written = 0;
    const lines = async function* (): AsyncGenerator<string> {
      for await (const prompt of kept.read()) {
        written++;
        yield `${JSON.stringify(prompt)}\n`;
      }
    };
    const unfinished = `${file}.${process.pid}.part`;
    try {
      await pipeline(Readable.from(lines()), createWriteStream(unfinished, { mode: 0o600 }));
      if (written > 0) await rename(unfinished, file);
    } finally {
      await rm(unfinished, { force: true });
    }
    return written;
  });
  if (count === 0) throw new CommandFailure(emptyText(settings));
  process.stdout.write(`${file}: ${count} prompts\n`);
}

/** Forgets the kept prompts. */
export async function clearKeptPrompts(settings: CommandSettings): Promise<void> {
  const count = await withStateRedis(settings, (redis) => new RedisKeptPrompts(redis).clear());
  process.stdout.write(`${count} prompts forgotten\n`);
}

function emptyText({ system }: CommandSettings): string {
  return system.router?.keepPrompts === undefined
    ? "no prompts are kept: router.keep_prompts is not set"
    : "no prompts are kept yet";
}

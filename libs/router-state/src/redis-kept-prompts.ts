import { keptPromptSchema, redisKeys, type KeptPrompt } from "@expert-router/contracts";
import { LuaScript, type RedisClient } from "@expert-router/redis";

/** Bounds of what is kept. */
export interface KeptPromptsBounds {
  readonly max: number;
  readonly days: number;
}

const msPerDay = 86_400_000;
const entriesPerRead = 500;

/**
 * KEYS: stream. ARGV: prompt or '', bound, age in ms. Trims by age, by the Redis clock that makes the ids. The whole stream
 * expires too, for the case that nobody adds or trims any more.
 */
const keepScript = new LuaScript(`
local time = redis.call('TIME')
local oldest = time[1] * 1000 + math.floor(time[2] / 1000) - ARGV[3]
if ARGV[1] ~= '' then
  redis.call('XADD', KEYS[1], 'MAXLEN', ARGV[2], '*', 'prompt', ARGV[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
redis.call('XTRIM', KEYS[1], 'MINID', string.format('%.0f', oldest))
return redis.call('XLEN', KEYS[1])
`);

/** Live prompts for retraining, in Redis: the newest of a sample, each for a number of days. */
export class RedisKeptPrompts {
  constructor(private readonly redis: RedisClient) {}

  /** Keeps one more; what is too many or too old goes. Answers how many there are. */
  async add(prompt: KeptPrompt, bounds: KeptPromptsBounds): Promise<number> {
    return this.run(JSON.stringify(prompt), bounds);
  }

  /** Removes what is too old. Answers how many are left. */
  async trim(bounds: KeptPromptsBounds): Promise<number> {
    return this.run("", bounds);
  }

  /** All that is kept, oldest first. */
  async *read(): AsyncGenerator<KeptPrompt> {
    let after = "-";
    for (;;) {
      const entries = await this.redis.xrange(redisKeys.keptPrompts, after, "+", "COUNT", entriesPerRead);
      for (const [, fields] of entries) yield keptPromptSchema.parse(JSON.parse(fields[1]!));
      if (entries.length < entriesPerRead) return;
      after = `(${entries.at(-1)![0]}`;
    }
  }

  /** Forgets everything. Answers how many there were. */
  async clear(): Promise<number> {
    const [count] = (await this.redis
      .multi()
      .xlen(redisKeys.keptPrompts)
      .unlink(redisKeys.keptPrompts)
      .exec())!;
    return count![1] as number;
  }

  private async run(prompt: string, { max, days }: KeptPromptsBounds): Promise<number> {
    return (await keepScript.run(
      this.redis,
      [redisKeys.keptPrompts],
      [prompt, max, days * msPerDay],
    )) as number;
  }
}

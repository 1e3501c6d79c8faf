/** The configuration cannot be used. Carries every problem found, not only the first. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  /** One sentence a problem, each naming the key or variable at fault. */
  readonly problems: readonly string[];

  constructor(source: string, problems: readonly string[]) {
    const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
    super(`${source}: ${count}\n${problems.map((problem) => `  - ${problem}`).join("\n")}`);
    this.problems = problems;
  }
}

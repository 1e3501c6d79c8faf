import type { Command } from "commander";

/** Runs a command as the shell would; what it wrote to stdout, or the error it ends with. */
export async function runCommand(command: Command, ...args: string[]): Promise<string> {
  return (await outputOf(command, ...args)).stdout;
}

/** Runs a command as the shell would; what it wrote, or the error it ends with. */
export async function outputOf(
  command: Command,
  ...args: string[]
): Promise<{ stdout: string; stderr: string }> {
  const output = { stdout: "", stderr: "" };
  const { stdout, stderr } = process;
  const before = { stdout: stdout.write.bind(stdout), stderr: stderr.write.bind(stderr) };
  stdout.write = (text: string | Uint8Array) => ((output.stdout += String(text)), true);
  stderr.write = (text: string | Uint8Array) => ((output.stderr += String(text)), true);
  try {
    for (const part of [command, ...command.commands]) part.exitOverride();
    await command.parseAsync(args, { from: "user" });
    return output;
  } finally {
    stdout.write = before.stdout;
    stderr.write = before.stderr;
  }
}

const themes = {
  cooking: ["oven", "flour", "butter", "onion", "dough"],
  sailing: ["mast", "anchor", "keel", "rudder", "tide"],
};

/** 40 prompts of each of two themes, two sources each, as lines of a file. */
export function themeLines(): string[] {
  return Object.entries(themes).flatMap(([domain, words]) =>
    Array.from({ length: 40 }, (_, row) =>
      JSON.stringify({
        domain,
        source: `${domain}-${row % 2}`,
        text: `${words[row % 5]} with ${words[(row * 3 + 1) % 5]} ${row}`,
      }),
    ),
  );
}

import type { Command } from "commander";

/** Runs a command as the shell would; what it wrote to stdout, or the error it ends with. */
export async function runCommand(command: Command, ...args: string[]): Promise<string> {
  let output = "";
  const { stdout, stderr } = process;
  const before = { stdout: stdout.write.bind(stdout), stderr: stderr.write.bind(stderr) };
  stdout.write = (text: string | Uint8Array) => ((output += String(text)), true);
  stderr.write = () => true;
  try {
    await command.exitOverride().parseAsync(args, { from: "user" });
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

import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { readArtifact } from "@expert-router/embedder";
import { runCommand, themeLines } from "./run-command.fixture.js";
import { trainCommand } from "./train.js";

let root: string;
const at = (name: string): string => join(root, name);
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "train-"));
  await writeFile(at("good.jsonl"), themeLines().join("\n"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const train = (...args: string[]): Promise<string> => runCommand(trainCommand(), ...args);

const row = (text: unknown, domain?: unknown, source?: string): string =>
  JSON.stringify({ text, domain, source });
const lines = themeLines();
const withLine17 = (line: string): string => [...lines.slice(0, 16), line, ...lines.slice(16)].join("\n");

describe("train on bad input", () => {
  afterEach(async () => {
    // Neither the artifact nor a half of it, whatever went wrong.
    expect((await readdir(root)).filter((name) => name.startsWith("out") || name.startsWith("."))).toEqual(
      [],
    );
  });

  const cases: Record<string, [name: string, content: string | Uint8Array, message: RegExp]> = {
    "an empty file": ["empty.jsonl", "", /empty\.jsonl: holds no prompts/],
    "blank lines only": ["blank.jsonl", "\n \r\n\n", /blank\.jsonl: holds no prompts/],
    "a line that is not JSON": [
      "json.jsonl",
      withLine17('{"text": "x", domain}'),
      /json\.jsonl:17: not JSON \(/,
    ],
    "a number for a text": [
      "type.jsonl",
      withLine17(row(5, "sailing")),
      /type\.jsonl:17: text: .*expected string/,
    ],
    "a list for a domain": [
      "domain.jsonl",
      withLine17(row("x", ["a"])),
      /domain\.jsonl:17: domain: .*expected string/,
    ],
    "an array for a line": ["array.jsonl", withLine17("[1]"), /array\.jsonl:17: the line: .*expected object/],
    "no text": ["text.jsonl", withLine17('{"domain":"sailing"}'), /text\.jsonl:17: text: missing/],
    "blank text": [
      "blank-text.jsonl",
      withLine17(row(" \n", "sailing")),
      /blank-text\.jsonl:17: text: must not be blank/,
    ],
    "no domain": ["no-domain.jsonl", withLine17(row("x")), /no-domain\.jsonl:17: domain: missing/],
    "one class only": [
      "one.jsonl",
      lines.slice(0, 40).join("\n"),
      /one\.jsonl: at least two labels .* only 'cooking'/,
    ],
    "too few of a class": [
      "few.jsonl",
      lines.slice(0, 42).join("\n"),
      /few\.jsonl: at least \d+ prompts .*sailing/,
    ],
    "bytes that are not UTF-8": [
      "latin.jsonl",
      Buffer.concat([
        Buffer.from(`${lines[0]}\n`),
        Buffer.from('{"text":"caf\xe9","domain":"cooking"}', "latin1"),
      ]),
      /latin\.jsonl:2: not UTF-8/,
    ],
    "a corrupt gzip": ["corrupt.jsonl.gz", corruptGzip(), /corrupt\.jsonl\.gz: damaged gzip data/],
    "a cut gzip": [
      "cut.jsonl.gz",
      gzipSync(lines.join("\n")).subarray(0, 300),
      /cut\.jsonl\.gz: damaged gzip data/,
    ],
    "plain text named .gz": ["plain.jsonl.gz", lines.join("\n"), /plain\.jsonl\.gz: is not gzip data/],
    "gzip named .jsonl": [
      "packed.jsonl",
      gzipSync(lines.join("\n")),
      /packed\.jsonl: is gzip data; name it .*\.gz/,
    ],
    "another kind of file": ["table.csv", "text,domain", /table\.csv: neither \.jsonl nor \.jsonl\.gz/],
  };
  for (const [what, [name, content, message]] of Object.entries(cases)) {
    it(`refuses ${what}`, async () => {
      await writeFile(at(name), content);
      await expect(train("--input", at(name), "--output", at("out"))).rejects.toMatchObject({
        message: expect.stringMatching(message),
        exitCode: 1,
      });
    });
  }

  it("names the file at fault among several", async () => {
    await writeFile(at("second.jsonl"), withLine17("{"));
    await expect(
      train("--input", at("good.jsonl"), at("second.jsonl"), "--output", at("out")),
    ).rejects.toThrow(/second\.jsonl:17: not JSON/);
  });

  it("refuses a folder, a missing file and one that may not be read", async () => {
    await mkdir(at("folder.jsonl"));
    await expect(train("--input", at("folder.jsonl"), "--output", at("out"))).rejects.toThrow(
      /folder\.jsonl: is a folder/,
    );
    await expect(train("--input", at("absent.jsonl"), "--output", at("out"))).rejects.toThrow(
      /absent\.jsonl: there is no such file/,
    );
    await writeFile(at("secret.jsonl"), lines.join("\n"));
    await chmod(at("secret.jsonl"), 0);
    // The superuser reads everything.
    if (process.getuid?.() !== 0)
      await expect(train("--input", at("secret.jsonl"), "--output", at("out"))).rejects.toThrow(
        /secret\.jsonl: cannot be read \(EACCES/,
      );
  });

  it("stops at a line of 100 MB without reading it whole", async () => {
    await writeFile(at("huge.jsonl"), `${lines.slice(0, 3).join("\n")}\n{"text":"`);
    await truncate(at("huge.jsonl"), 100_000_000);
    const before = process.memoryUsage().rss;
    await expect(train("--input", at("huge.jsonl"), "--output", at("out"))).rejects.toThrow(
      /huge\.jsonl:4: longer than 1 MiB/,
    );
    expect(process.memoryUsage().rss - before).toBeLessThan(60_000_000);
    await writeFile(at("huge.jsonl.gz"), gzipSync(Buffer.alloc(20_000_000, "a")));
    await expect(train("--input", at("huge.jsonl.gz"), "--output", at("out"))).rejects.toThrow(
      /huge\.jsonl\.gz:1: longer than 1 MiB/,
    );
  });

  it("refuses a text with two domains, naming both places, unless told to drop it", async () => {
    await writeFile(
      at("odd.jsonl"),
      [row("Drop the anchor", "cooking"), row("ok now", "cooking"), row("drop  the ANCHOR", "sailing")].join(
        "\n",
      ),
    );
    const args = ["--input", at("good.jsonl"), at("odd.jsonl")];
    await expect(train(...args, "--output", at("out"))).rejects.toThrow(
      /different domains: \S*odd\.jsonl:3 says 'sailing', \S*odd\.jsonl:1 'cooking'. .*--on-conflict drop/,
    );
    expect(await train(...args, "--output", at("dropped"), "--on-conflict", "drop", "--no-report")).toMatch(
      /2 classes/,
    );
    expect((await readArtifact(at("dropped"))).manifest.training.prompts).toBe(81);
  });

  it("refuses to exclude what is not there", async () => {
    await expect(
      train("--input", at("good.jsonl"), "--output", at("out"), "--exclude-source", "cooking-0,typo"),
    ).rejects.toThrow(
      /--exclude-source typo: no prompt has it; sources are cooking-0, cooking-1, sailing-0, sailing-1/,
    );
  });

  it("refuses to replace a folder that is no artifact, before it trains", async () => {
    await mkdir(at("notes"));
    await writeFile(at("notes/thesis.txt"), "years of work");
    const args = ["--input", at("good.jsonl"), "--output"];
    await expect(train(...args, at("notes"))).rejects.toThrow(
      /notes: holds something else than a router artifact/,
    );
    await expect(train(...args, at("good.jsonl"))).rejects.toThrow(/good\.jsonl: is a file/);
    expect(await readFile(at("notes/thesis.txt"), "utf8")).toBe("years of work");
  });
});

/** A gzip whose data does not fit its checksum. */
function corruptGzip(): Uint8Array {
  const bytes = gzipSync(themeLines().join("\n"));
  bytes[bytes.length - 6]! ^= 0xff;
  return bytes;
}

describe("train on good input", () => {
  it("reads several files, each text once, without excluded sources", async () => {
    const stderr: string[] = [];
    await writeFile(
      at("more.jsonl.gz"),
      gzipSync(
        [
          ...lines.slice(0, 5),
          row("Boil the KETTLE", "cooking", "forum"),
          row("boil the  kettle ", "cooking", "forum"),
        ].join("\n"),
      ),
    );
    const spy = vi
      .spyOn(process.stderr, "write")
      .mockImplementation((text) => (stderr.push(String(text)), true));
    const stdout = vi.spyOn(process.stdout, "write").mockReturnValue(true);
    try {
      const args = [
        "--input",
        at("good.jsonl"),
        at("more.jsonl.gz"),
        "--output",
        at("several"),
        "--exclude-source",
        "cooking-1",
      ];
      await trainCommand().exitOverride().parseAsync(args, { from: "user" });
    } finally {
      spy.mockRestore();
      stdout.mockRestore();
    }
    // 80 + 7 lines; 20 of cooking-1, and 2 more of it in the second file; 3 + 1 repeated.
    expect(stderr[0]).toBe("87 prompts read, 61 kept; left out: 4 duplicates, 22 of excluded sources\n");
    expect((await readArtifact(at("several"))).manifest.training.prompts).toBe(61);
  });

  it("names clusters by the domains that some prompts have, unless told not to", async () => {
    const few = lines.map((line, place) =>
      place % 4 === 0 ? line : row((JSON.parse(line) as { text: string }).text),
    );
    await writeFile(at("few-labels.jsonl"), few.join("\n"));
    const args = ["--input", at("few-labels.jsonl"), "--clusters", "4"];
    await train(...args, "--output", at("named"));
    expect((await readArtifact(at("named"))).manifest.experts.map(({ name }) => name)).toEqual([
      "cooking",
      "sailing",
    ]);
    expect(await readFile(at("named/report.html"), "utf8")).toMatch(
      /<h2>Clusters<\/h2>.*words that mark it/s,
    );
    await train(...args, "--labels", "none", "--output", at("numbered"));
    expect((await readArtifact(at("numbered"))).manifest.experts.map(({ name }) => name)).toEqual([
      "0",
      "1",
      "2",
      "3",
    ]);
    await expect(
      train("--input", at("good.jsonl"), "--labels", "none", "--output", at("none")),
    ).rejects.toThrow(/give --clusters K too/);
  });

  it("writes the report beside the artifact, elsewhere, or not at all", async () => {
    const args = ["--input", at("good.jsonl"), "--output"];
    expect(await train(...args, at("a"))).toMatch(/report: .*a\/report\.html\n$/);
    const page = await readFile(at("a/report.html"), "utf8");
    expect(page).toMatch(/<h1>Training report<\/h1>/);
    expect((await readArtifact(at("a"))).manifest.experts).toHaveLength(2);
    await train(...args, at("a"), "--report", at("pages/today"));
    expect(await readFile(at("pages/today/report.html"), "utf8")).toBe(page);
    await expect(stat(at("a/report.html"))).rejects.toThrow(/ENOENT/);
    expect(await train(...args, at("b"), "--no-report")).not.toMatch(/report/);
    expect(await readdir(at("b"))).not.toContain("report.html");
  });
});

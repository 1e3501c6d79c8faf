import { exactLog } from "../exact-math.js";
import { lowerCaseWords } from "./lower-case-words.js";

/** A word of fewer prompts could identify one of them. */
export const leastPromptsPerTerm = 5;

/**
 * The words that mark each cluster most: weighted log-odds against all other clusters with an informative
 * Dirichlet prior, as a z-score (Monroe, Colaresi and Quinn, "Fightin' words", Political Analysis 16, 2008, equations 16
 * and 22). A word counts once a prompt, so that one long prompt cannot speak for a cluster.
 *
 * @param texts one a prompt.
 * @param assignment prompt → cluster.
 * @returns of each cluster at most `most` words, the most marking first; only words of five prompts or more.
 */
export function topTerms(
  texts: readonly string[],
  assignment: Int32Array,
  clusters: number,
  most = 12,
): string[][] {
  const words = new Map<string, Int32Array>();
  const totals = new Float64Array(clusters);
  const counts = countWords(texts);
  for (const [row, text] of texts.entries()) {
    for (const word of wordsOf(text)) {
      if (counts.get(word)! < leastPromptsPerTerm) continue;
      const of = words.get(word) ?? new Int32Array(clusters);
      words.set(word, of);
      of[assignment[row]!]!++;
      totals[assignment[row]!]!++;
    }
  }
  const all = totals.reduce((sum, of) => sum + of, 0);
  const best: { word: string; score: number }[][] = Array.from({ length: clusters }, () => []);
  for (const [word, of] of words) {
    const everywhere = counts.get(word)!;
    for (let cluster = 0; cluster < clusters; cluster++) {
      if (!of[cluster]) continue;
      const score = logOddsScore(of[cluster]!, totals[cluster]!, everywhere, all);
      if (score > 0) best[cluster]!.push({ word, score });
    }
  }
  return best.map((scored) =>
    scored
      .sort((a, b) => b.score - a.score || (a.word < b.word ? -1 : 1))
      .slice(0, most)
      .map(({ word }) => word),
  );
}

/** z-score of the difference in log-odds between a cluster and the rest; the prior is the word's share of all text. */
function logOddsScore(here: number, inCluster: number, everywhere: number, all: number): number {
  const [rest, inRest] = [everywhere - here, all - inCluster];
  const odds = (count: number, total: number): number =>
    exactLog((count + everywhere) / Math.max(1, total + all - count - everywhere));
  return (
    (odds(here, inCluster) - odds(rest, inRest)) /
    Math.sqrt(1 / (here + everywhere) + 1 / (rest + everywhere))
  );
}

function countWords(texts: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) for (const word of wordsOf(text)) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

function wordsOf(text: string): Set<string> {
  return new Set(lowerCaseWords(text));
}

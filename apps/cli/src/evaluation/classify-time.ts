import { classifiedText } from "@expert-router/classifier";
import type { RouterJudge } from "./router-judge.js";

/** Prompts classified before the clock starts, for code that is run for the first time is slow. */
const warmUpPrompts = 200;

/** Time of one `classify` call with nothing else under way, in microseconds; 0 of no prompts. */
export async function timeOneByOne(
  { classifier }: RouterJudge,
  texts: readonly string[],
): Promise<{ p50: number; p99: number }> {
  for (const text of texts.slice(0, warmUpPrompts)) await classifier.classify(classifiedText(text));
  const times: number[] = [];
  for (const text of texts) {
    const start = performance.now();
    await classifier.classify(classifiedText(text));
    times.push((performance.now() - start) * 1_000);
  }
  times.sort((a, b) => a - b);
  const quantile = (share: number): number =>
    Math.round(times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0);
  return { p50: quantile(0.5), p99: quantile(0.99) };
}

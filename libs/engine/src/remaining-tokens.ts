const limits = ["max_tokens", "max_completion_tokens"] as const;

/**
 * The body's token limits less the `written` ones; `none` when a limit is used up. A minimum shrinks as well.
 */
export function remainingTokens(
  body: Readonly<Record<string, unknown>>,
  written: number,
): Record<string, unknown> | "none" {
  const reduced: Record<string, unknown> = {};
  for (const field of limits) {
    const limit = body[field];
    if (typeof limit !== "number") continue;
    if (limit <= written) return "none";
    reduced[field] = limit - written;
  }
  const minimum = body["min_tokens"];
  if (typeof minimum === "number") reduced["min_tokens"] = Math.max(0, minimum - written);
  return reduced;
}

const limits = ["max_tokens", "max_completion_tokens", "n_predict", "max_new_tokens"] as const;

/**
 * The body's token limits less the `written` ones; `none` when a limit is used up. A minimum shrinks as well.
 * `defaultLimit`: what the server takes for `max_tokens` where the body names no limit, if it is known.
 */
export function remainingTokens(
  body: Readonly<Record<string, unknown>>,
  written: number,
  defaultLimit?: number,
): Record<string, unknown> | "none" {
  const reduced: Record<string, unknown> = {};
  const named = limits.some((field) => typeof body[field] === "number");
  const limited = named || defaultLimit === undefined ? body : { ...body, max_tokens: defaultLimit };
  for (const field of limits) {
    const limit = limited[field];
    // llama.cpp takes 0 and less for "no limit".
    if (typeof limit !== "number" || limit <= 0) continue;
    if (limit <= written) return "none";
    reduced[field] = limit - written;
  }
  const minimum = body["min_tokens"];
  if (typeof minimum === "number") reduced["min_tokens"] = Math.max(0, minimum - written);
  return reduced;
}

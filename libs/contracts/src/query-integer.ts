import { z } from "zod";

/** A whole number in a query, from `min` to `max`. Digits only: what JavaScript makes of an empty text is 0, and nobody has said that. */
export function queryInteger(min: number, max = Number.MAX_SAFE_INTEGER) {
  return z
    .string()
    .regex(/^\d{1,16}$/, { error: "expected a whole number" })
    .transform(Number)
    .pipe(z.int().min(min).max(max));
}

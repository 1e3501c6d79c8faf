/** What stands behind options. All throw commander's InvalidArgumentError for what it cannot be. */
import { InvalidArgumentError } from "commander";

/** A whole number from 1. */
export function wholeNumber(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1)
    throw new InvalidArgumentError("expected a whole number from 1.");
  return number;
}

/** Adds `key=value`; what is behind the first `=` is the value. */
export function addPair(text: string, before?: ReadonlyMap<string, string>): Map<string, string> {
  const end = text.indexOf("=");
  if (end < 1) throw new InvalidArgumentError("expected key=value.");
  return new Map(before).set(text.slice(0, end), text.slice(end + 1));
}

/** Unix seconds, from those or from a date, with a time if need be, as ISO 8601 writes them; in UTC unless it names a zone. */
export function time(text: string): number {
  if (/^\d{1,12}$/.test(text)) return Number(text);
  const [, date, clock = "T00:00", zone = "Z"] =
    /^(\d{4}-\d\d-\d\d)(T\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?(Z|[+-]\d\d:\d\d)?$/i.exec(text) ?? [];
  const ms = Date.parse(`${date}${clock}${zone}`);
  if (Number.isNaN(ms))
    throw new InvalidArgumentError("expected Unix seconds, or a time such as 2026-11-25T19:00Z.");
  return Math.floor(ms / 1_000);
}

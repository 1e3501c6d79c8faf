import { CodedError } from "@expert-router/contracts";
import type { z } from "zod";

/** Messages of a chat with their content parts. A check of each takes time in which nobody else is served. */
const maxMessages = 10_000;

type Issue = z.core.$ZodIssue;

/**
 * Checks a body or query and answers what the schema made of it.
 * @throws CodedError for the first problem, in OpenAI's words: `missing_required_parameter` or `invalid_value`.
 */
export function validate<S extends z.ZodType>(schema: S, value: unknown, at = ""): z.infer<S> {
  refuseManyMessages(value, at);
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw problem(parsed.error.issues[0]!, value, at);
}

function refuseManyMessages(value: unknown, at: string): void {
  const messages = (value as { messages?: unknown } | null | undefined)?.messages;
  if (!Array.isArray(messages)) return;
  let count = messages.length;
  for (const message of messages as ({ content?: unknown } | null)[]) {
    if (Array.isArray(message?.content)) count += message.content.length;
  }
  if (count <= maxMessages) return;
  const param = paramPath(["messages"], at);
  const message = `Invalid value for '${param}': at most ${maxMessages} messages and content parts.`;
  throw new CodedError("invalid_value", message, { param });
}

function problem(issue: Issue, value: unknown, at: string): CodedError {
  if (issue.path.length === 0 && !isObject(value)) {
    const what = at === "" ? "The request body" : `'${at}'`;
    return new CodedError("invalid_value", `${what} must be a JSON object.`, { param: at || undefined });
  }
  if (issue.code === "unrecognized_keys") {
    const param = paramPath([...issue.path, issue.keys[0]!], at);
    return new CodedError("invalid_value", `Unknown parameter: '${param}'.`, { param });
  }
  const param = paramPath(issue.path, at);
  if (param !== "" && valueAt(value, issue.path) === undefined) {
    return new CodedError("missing_required_parameter", `Missing required parameter: '${param}'.`, { param });
  }
  if (param === "") return new CodedError("invalid_value", `Invalid request: ${issue.message}.`);
  return new CodedError("invalid_value", `Invalid value for '${param}': ${reason(issue)}.`, { param });
}

/** A union's own message says nothing, so its alternatives speak. */
function reason(issue: Issue): string {
  if (issue.code !== "invalid_union") return lowerFirst(issue.message);
  const first = issue.errors.flatMap((issues) => (issues[0] === undefined ? [] : [issues[0]]));
  const types = first.flatMap((alternative) =>
    alternative.code === "invalid_type" ? [alternative.expected] : [],
  );
  if (types.length > 0 && types.length === first.length)
    return `expected one of ${[...new Set(types)].join(", ")}`;
  // An alternative of the right type says more than the others.
  const told = first.filter(
    (alternative) => alternative.code !== "invalid_type" || alternative.path.length > 0,
  );
  return (
    [...new Set((told.length > 0 ? told : first).map(reason))].join("; or ") || lowerFirst(issue.message)
  );
}

/** `messages[0].role` */
function paramPath(path: readonly PropertyKey[], at: string): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === "number") return `${text}[${step}]`;
    return text === "" ? String(step) : `${text}.${String(step)}`;
  }, at);
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (at, step) => (at as Record<PropertyKey, unknown> | null | undefined)?.[step],
    value,
  );
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

import type { z } from "zod";
import { knownKeys } from "./known-keys.js";
import { nearestName } from "./nearest-name.js";
import type { Problem } from "./system-rules.js";

/** A validation error as sentences for whoever wrote the file. */
export function schemaProblems(schema: z.ZodType, error: z.ZodError): Problem[] {
  return error.issues.flatMap((issue): Problem[] => {
    if (issue.code !== "unrecognized_keys")
      return [{ path: issue.path, message: withoutPrefix(issue.message) }];
    const known = knownKeys(schema, issue.path);
    return issue.keys.map((key) => {
      const nearest = nearestName(key, known);
      const advice = nearest === undefined ? `known keys: ${known.join(", ")}` : `did you mean '${nearest}'?`;
      return { path: [...issue.path, key], message: `unknown key; ${advice}` };
    });
  });
}

/** zod opens its sentences with "Invalid input: "; the path before them says that already. */
function withoutPrefix(message: string): string {
  return message
    .replace(/^Invalid (input|option): /, "")
    .replace(/, received undefined$/, ", but it is missing");
}

import { CodedError, priorityClasses, type PriorityClass } from "@expert-router/contracts";

/** The header in which a client names a scheduling class. */
export const priorityHeader = "x-expert-router-priority";

/**
 * The scheduling class of a request.
 * @throws CodedError `invalid_value` if the header names none.
 */
export function readPriority(header: string | string[] | undefined, otherwise: PriorityClass): PriorityClass {
  if (header === undefined) return otherwise;
  if ((priorityClasses as readonly unknown[]).includes(header)) return header as PriorityClass;
  const names = priorityClasses.map((name) => `'${name}'`).join(", ");
  throw new CodedError("invalid_value", `Invalid value for '${priorityHeader}': expected one of ${names}.`, {
    param: priorityHeader,
  });
}

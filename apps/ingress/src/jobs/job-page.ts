import {
  CodedError,
  isRequestId,
  requestIdBound,
  type JobListQuery,
  type RequestId,
  type RequestState,
} from "@expert-router/contracts";
import type { RequestStore } from "@expert-router/token-stream";

/** Ids read for one page of a filtered list; a page may then be shorter than asked, with `has_more`. */
const maxScanned = 2_000;

/** A page of jobs, in the order asked for. */
export interface JobPage {
  readonly states: RequestState[];
  /** With nothing found among those scanned, the client goes on from here; undefined: there is nothing left. */
  readonly last: RequestId | undefined;
  readonly hasMore: boolean;
}

/**
 * Reads a page of a tenant's jobs.
 * @throws CodedError `invalid_value` for a cursor that is none, or two of them.
 */
export async function jobPage(
  store: Pick<RequestStore, "listJobs" | "readMany">,
  tenant: string,
  query: JobListQuery,
): Promise<JobPage> {
  const { limit, order, after, before } = query;
  checkCursors(query);
  // Where the page ends right before a job, it is read from there, backwards.
  const oldestFirst = (order === "asc") === (before === undefined);
  const cursor = before ?? after;
  let above = latest(
    query.created_after === undefined ? undefined : requestIdBound(query.created_after * 1_000),
    oldestFirst ? cursor : undefined,
  );
  let below = earliest(
    query.created_before === undefined ? undefined : requestIdBound(query.created_before * 1_000),
    oldestFirst ? undefined : cursor,
  );
  const found: RequestState[] = [];
  let last: RequestId | undefined;
  let scanned = 0;
  let exhausted = false;
  while (found.length <= limit && scanned < maxScanned && !exhausted) {
    const ids = await store.listJobs(tenant, { limit: limit + 1, above, below, oldestFirst });
    exhausted = ids.length <= limit;
    scanned += ids.length;
    last = ids.at(-1) ?? last;
    if (oldestFirst) above = last ?? above;
    else below = last ?? below;
    for (const state of await store.readMany(ids))
      if (state !== undefined && matches(state, query)) found.push(state);
  }
  const states = found.slice(0, limit);
  return {
    states: before === undefined ? states : states.toReversed(),
    last: exhausted ? undefined : last,
    hasMore: found.length > limit || !exhausted,
  };
}

function checkCursors({ after, before }: JobListQuery): void {
  if (after !== undefined && before !== undefined) {
    throw new CodedError("invalid_value", "Give either 'after' or 'before'.", { param: "before" });
  }
  for (const [param, cursor] of Object.entries({ after, before })) {
    if (cursor === undefined || isRequestId(cursor)) continue;
    throw new CodedError("invalid_value", `Invalid value for '${param}': expected the id of a job.`, {
      param,
    });
  }
}

function matches(state: RequestState, { status, expert, metadata = {} }: JobListQuery): boolean {
  return (
    (status ?? state.status) === state.status &&
    (expert ?? state.decision.expert) === state.decision.expert &&
    Object.entries(metadata).every(([key, value]) => state.metadata?.[key] === value)
  );
}

function latest(a: string | undefined, b: string | undefined): string | undefined {
  return a === undefined || (b !== undefined && b > a) ? b : a;
}

function earliest(a: string | undefined, b: string | undefined): string | undefined {
  return a === undefined || (b !== undefined && b < a) ? b : a;
}

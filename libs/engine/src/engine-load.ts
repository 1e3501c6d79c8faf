/** What a server says of its own load. A part it does not tell is undefined. */
export interface EngineLoad {
  /** Requests in its batches, whoever sent them. */
  readonly running?: number | undefined;
  /** Requests it took in and has not begun, or has put off. */
  readonly waiting?: number | undefined;
  /** Share of its key-value cache in use, 0 to 1. */
  readonly cacheUsage?: number | undefined;
  /** Requests it runs at once at most. */
  readonly slots?: number | undefined;
}

/** Where a family tells its load. */
export interface LoadPages {
  /** Names in its Prometheus page `/metrics`; of several, the first that is there counts. */
  readonly running: readonly string[];
  readonly waiting: readonly string[];
  readonly cacheUsage: readonly string[];
  /** A JSON page with the number of its slots, and the field. */
  readonly slots?: { readonly path: string; readonly field: string } | undefined;
}

export const metricsPath = "/metrics";

/** Reads a metrics page; undefined where it has none of the names. */
export function readLoad(page: string, pages: LoadPages): EngineLoad | undefined {
  const names = new Set([...pages.running, ...pages.waiting, ...pages.cacheUsage]);
  const found = readSeries(page, names);
  const pick = (candidates: readonly string[]): readonly number[] | undefined =>
    candidates.map((name) => found.get(name)).find((values) => values !== undefined);
  const cache = pick(pages.cacheUsage);
  const load = {
    running: total(pick(pages.running)),
    waiting: total(pick(pages.waiting)),
    // The fullest of its engines is the first to put requests off.
    cacheUsage: cache === undefined ? undefined : Math.min(1, Math.max(...cache)),
  };
  return Object.values(load).every((value) => value === undefined) ? undefined : load;
}

/** The number of slots in a JSON page; undefined where it is not told. */
export function readSlots(page: string, field: string): number | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(page);
  } catch {
    return undefined;
  }
  if (typeof parsed !== "object" || parsed === null) return undefined;
  const slots = (parsed as Record<string, unknown>)[field];
  return typeof slots === "number" && Number.isInteger(slots) && slots > 0 ? slots : undefined;
}

/** `name{labels} value` with an optional time, which the rest of the line is; labels may hold any text in quotes. */
const sample = /^([a-zA-Z_:][\w:]*)(?:\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\})?[ \t]+(\S+)/;
/** Servers with several engines in one tell a series for each. */
const maxSeries = 1_024;

/** Values of the series called `names`, in Prometheus' text format; all else on the page is passed over. */
function readSeries(page: string, names: ReadonlySet<string>): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (let start = 0; start < page.length;) {
    const newline = page.indexOf("\n", start);
    const end = newline < 0 ? page.length : newline;
    const nameEnd = start + (/[^\w:]/.exec(page.slice(start, Math.min(end, start + 128)))?.index ?? 0);
    const name = page.slice(start, nameEnd);
    if (names.has(name)) {
      const value = Number(sample.exec(page.slice(start, end))?.[2]);
      const values = found.get(name) ?? [];
      if (Number.isFinite(value) && value >= 0 && values.length < maxSeries) values.push(value);
      if (values.length > 0) found.set(name, values);
    }
    start = end + 1;
  }
  return found;
}

function total(values: readonly number[] | undefined): number | undefined {
  return values?.reduce((sum, value) => sum + value, 0);
}

/** What a scenario is asked to do. */
export interface ScenarioOptions {
  readonly seed: number;
  /** A few seconds instead of the acceptance's minutes, with bounds that show the shape only. */
  readonly short: boolean;
  /** Tells a person how it goes. */
  readonly say: (line: string) => void;
}

/** One line of the table: something that was measured, and what it may be. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly atMost?: number;
  readonly atLeast?: number;
}

/** What a scenario came to. */
export interface ScenarioResult {
  /** Engines, loads and durations, as they were. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly figures: readonly Figure[];
  /** What a reader has to know to take the figures right. */
  readonly notes?: readonly string[];
  /** Whatever else was measured, for `--json`. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** One acceptance criterion of scheduling. */
export interface Scenario {
  readonly name: string;
  /** The criterion, in a sentence. */
  readonly acceptance: string;
  /** It has no short form: in seconds its load does not settle. */
  readonly needsMinutes?: true;
  run(options: ScenarioOptions): Promise<ScenarioResult>;
}

/** Something that is told, and bound to nothing. */
export function told(name: string, value: number, unit = ""): Figure {
  return { name, value, unit };
}

export function atMost(name: string, value: number, bound: number, unit = ""): Figure {
  return { name, value, unit, atMost: bound };
}

export function atLeast(name: string, value: number, bound: number, unit = ""): Figure {
  return { name, value, unit, atLeast: bound };
}

/** Undefined: it has no bound. What could not be measured does not hold. */
export function holds({ value, atMost: most, atLeast: least }: Figure): boolean | undefined {
  if (most === undefined && least === undefined) return undefined;
  return !(Number.isNaN(value) || value > (most ?? Infinity) || value < (least ?? -Infinity));
}

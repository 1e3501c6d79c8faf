import { RouterError } from "./router-error.js";

/** What routing needs to know of an expert: which labels or clusters of the artifact it answers. */
export interface RoutingExpert {
  readonly id: string;
  /** Labels of an artifact trained with `--labels`. */
  readonly domains: readonly string[];
  /** Cluster numbers, from 0, of an artifact trained with `--clusters`. */
  readonly clusters: readonly number[];
}

/** The operator's side of every decision. */
export interface RoutingPolicy {
  readonly experts: readonly RoutingExpert[];
  /** Id of the generalist. It also answers every class that no expert claims. */
  readonly fallback: string;
  /** Below this probability of the best expert the generalist answers; 0 to 1. */
  readonly threshold: number;
  /**
   * How much more probable another expert must be for a conversation to leave the one it has; 0 to 1. 0, or left out:
   * only the last turn counts.
   */
  readonly stickiness?: number | undefined;
}

/**
 * Which expert answers each class of an artifact: index of the class → index of the expert.
 * @throws RouterError naming every problem: an unknown label, a class claimed twice, no such fallback.
 */
export function assignClasses(policy: RoutingPolicy, labels: readonly string[]): Int32Array {
  const problems: string[] = [];
  const fallback = policy.experts.findIndex((expert) => expert.id === policy.fallback);
  if (fallback < 0) problems.push(`the fallback '${policy.fallback}' is not one of the experts`);
  const owners = new Int32Array(labels.length).fill(-1);
  for (const [index, expert] of policy.experts.entries()) {
    for (const name of [...expert.domains, ...expert.clusters.map(String)]) {
      const label = labels.indexOf(name);
      if (label < 0) {
        problems.push(
          `expert '${expert.id}' answers '${name}', which the artifact does not know (it has ${labels.join(", ")})`,
        );
      } else if (owners[label]! >= 0 && owners[label] !== index) {
        problems.push(
          `'${name}' is claimed by '${policy.experts[owners[label]!]!.id}' and by '${expert.id}'`,
        );
      } else {
        owners[label] = index;
      }
    }
  }
  if (problems.length > 0) throw new RouterError("policy_mismatch", problems.join("; "));
  return owners.map((owner) => (owner < 0 ? fallback : owner));
}

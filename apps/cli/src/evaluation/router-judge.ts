import {
  assignClasses,
  classifiedText,
  decideExpert,
  decideWithoutText,
  RouterError,
  type ExpertDecision,
  type RobustnessDecision,
  type RoutingPolicy,
} from "@expert-router/classifier";
import { loadSystemConfig } from "@expert-router/config";
import { Classifier, type Classification } from "@expert-router/embedder";

/** Where experts and threshold come from. */
export interface JudgePolicy {
  /** An `expert-router.yaml`; without one, every domain counts as an expert. */
  readonly config?: string | undefined;
  /** Overrides that of the configuration. */
  readonly threshold?: number | undefined;
}

/** Where no configuration says otherwise, as in the configuration's own default. */
const defaultThreshold = 0.45;
/** Id of a generalist that no domain of the artifact is left to. */
const generalDomain = "general";

/** A prompt as an artifact sees it. */
export interface Judgement {
  /** Probabilities of {@link RouterJudge.domains}. */
  readonly domains: Float64Array;
  readonly decision: ExpertDecision;
}

/** An artifact with the domains that its classes stand for, and the experts that answer them. */
export class RouterJudge {
  /** Names of the labels, or for clusters the commonest domain of each; sorted. */
  readonly domains: readonly string[];
  private readonly domainOfClass: readonly number[];
  private readonly owners: Int32Array;

  private constructor(
    readonly dir: string,
    readonly classifier: Classifier,
    readonly policy: RoutingPolicy,
    named: readonly string[],
  ) {
    this.domains = [...new Set(named)].sort();
    this.domainOfClass = named.map((name) => this.domains.indexOf(name));
    this.owners = assignClasses(policy, classifier.labels);
  }

  /** @throws RouterError if the artifact is broken, no cluster has a domain, or the experts do not fit. */
  static async load(dir: string, options: JudgePolicy): Promise<RouterJudge> {
    const classifier = await Classifier.load(dir);
    try {
      const classes = classifier.manifest.experts;
      if (classes.every(({ label }) => label === null))
        throw new RouterError(
          "training_data_invalid",
          `${dir}: its clusters stand for no domain, so nothing can be judged; train with prompts of which some have one`,
        );
      const named = classes.map((of) => of.label ?? of.name);
      return new RouterJudge(dir, classifier, policyOf(named, classifier.labels, options), named);
    } catch (error) {
      await classifier.close();
      throw error;
    }
  }

  /**
   * Index of a domain of the data.
   * @throws RouterError if no class stands for it; `place` says where it was read.
   */
  indexOf(domain: string, place: string): number {
    const found = this.domains.indexOf(domain);
    if (found >= 0) return found;
    throw new RouterError(
      "training_data_invalid",
      `${place}: the artifact ${this.dir} cannot tell '${domain}', it knows ${this.domains.join(", ")}`,
    );
  }

  /** Whether a decision is right for a prompt of a domain: some class of the domain is that expert's to answer. */
  isRight(decision: ExpertDecision, domain: number): boolean {
    const expert = this.policy.experts.findIndex(({ id }) => id === decision.expert);
    return this.owners.some((owner, index) => owner === expert && this.domainOfClass[index] === domain);
  }

  /** Classes of `texts`, with all calls under way at once. */
  classify(texts: readonly string[]): Promise<Classification[]> {
    return Promise.all(texts.map((text) => this.classifier.classify(classifiedText(text))));
  }

  /** Probabilities summed by domain, and the decision that an ingress would make of them. */
  judge({ probabilities, labels, features }: Classification): Judgement {
    const domains = new Float64Array(this.domains.length);
    for (const [index, domain] of this.domainOfClass.entries()) domains[domain]! += probabilities[index]!;
    const { owners } = this;
    const routerVersion = this.classifier.version;
    return {
      domains,
      decision: decideExpert(this.policy, { probabilities, labels, features, owners, routerVersion }),
    };
  }

  /** What robustness compares. */
  async decide(texts: readonly string[]): Promise<RobustnessDecision[]> {
    const results = await this.classify(texts);
    return results.map((result, at) => {
      const { domains, decision: classified } = this.judge(result);
      const blank = texts[at]!.trim() === "";
      const decision = blank
        ? decideWithoutText(this.policy, "no-text", classified.routerVersion)
        : classified;
      return {
        domain: this.domains[domains.indexOf(Math.max(...domains))]!,
        expert: decision.expert,
        generalist: decision.expert === this.policy.fallback,
        confidence: decision.confidence,
      };
    });
  }

  close(): Promise<void> {
    return this.classifier.close();
  }
}

function policyOf(named: readonly string[], classes: readonly string[], options: JudgePolicy): RoutingPolicy {
  if (options.config !== undefined) {
    const { experts, fallback, router } = loadSystemConfig(options.config, { needsArtifact: false });
    return { experts, fallback, threshold: options.threshold ?? router?.threshold ?? defaultThreshold };
  }
  const domains = [...new Set(named)];
  const experts = domains.map((domain) => ({
    id: domain,
    domains: classes.filter((_, index) => named[index] === domain),
    clusters: [],
  }));
  if (!domains.includes(generalDomain)) experts.push({ id: generalDomain, domains: [], clusters: [] });
  return { experts, fallback: generalDomain, threshold: options.threshold ?? defaultThreshold };
}

import { describe, expect, it } from "vitest";
import { decideConversation, decideExpert, decideWithoutText } from "./decision-rule.js";
import { assignClasses, type RoutingPolicy } from "./expert-policy.js";

const labels = ["code", "law", "math", "poetry"];
const policy: RoutingPolicy = {
  experts: [
    { id: "logic", domains: ["code", "math"], clusters: [] },
    { id: "law", domains: ["law"], clusters: [] },
    { id: "general", domains: [], clusters: [] },
  ],
  fallback: "general",
  threshold: 0.45,
};
const decide = (probabilities: number[]) =>
  decideExpert(policy, { probabilities, labels, owners: assignClasses(policy, labels), routerVersion: "v1" });

describe("decideExpert", () => {
  it("adds up the classes of an expert, so that two halves beat one third", () => {
    const decision = decide([0.3, 0.35, 0.3, 0.05]);
    expect(decision).toMatchObject({
      expert: "logic",
      cluster: "law",
      reason: "best-match",
      routerVersion: "v1",
    });
    expect(decision.confidence).toBeCloseTo(0.6);
    expect(decision.candidates.map(({ expert }) => expert)).toEqual(["logic", "law", "general"]);
  });

  it("gives an unclaimed class to the generalist", () => {
    expect(decide([0.1, 0.1, 0.1, 0.7])).toMatchObject({
      expert: "general",
      cluster: "poetry",
      reason: "best-match",
    });
  });

  it("gives an uncertain prompt to the generalist and keeps the confidence of the best", () => {
    const decision = decide([0.2, 0.4, 0.15, 0.25]);
    expect(decision).toMatchObject({ expert: "general", reason: "below-threshold" });
    expect(decision.confidence).toBeCloseTo(0.4);
  });

  it("takes the best at the threshold itself", () => {
    expect(decide([0, 0.45, 0.25, 0.3]).expert).toBe("law");
  });

  it("never says more than 1, whatever the rounding of the model", () => {
    expect(decide([0.6, 0, 0.4000001, 0]).confidence).toBe(1);
  });
});

describe("decideConversation", () => {
  const owners = assignClasses(policy, labels);
  const talk = (stickiness: number | undefined, first: number[], ...later: number[][]) => {
    const turns = [first, ...later].map((probabilities) => ({
      probabilities,
      labels,
      owners,
      routerVersion: "v1",
    }));
    const { expert, reason } = decideConversation(
      { ...policy, stickiness },
      turns as [(typeof turns)[0], ...typeof turns],
    );
    return `${expert}, ${reason}`;
  };

  it("stays until another expert is more probable by the stickiness", () => {
    const law = [0.1, 0.8, 0.05, 0.05];
    expect(talk(0.15, law, [0.5, 0.4, 0.05, 0.05])).toBe("logic, best-match");
    expect(talk(0.15, law, [0.45, 0.4, 0.05, 0.1])).toBe("law, sticky");
    expect(talk(0.15, law, [0.45, 0.4, 0.05, 0.1], [0.1, 0.7, 0.1, 0.1])).toBe("law, best-match");
    expect(talk(0.15, law, [0.5, 0.4, 0.05, 0.05], [0.35, 0.45, 0.05, 0.15])).toBe("logic, sticky");
  });

  it("stays through a turn that says too little to decide alone", () => {
    expect(talk(0.15, [0.1, 0.8, 0.05, 0.05], [0.2, 0.3, 0.2, 0.3])).toBe("law, sticky");
    expect(talk(0.15, [0.1, 0.8, 0.05, 0.05], [0.2, 0.1, 0.2, 0.5])).toBe("general, best-match");
  });

  it("leaves for the generalist when it neither fits any more nor is anything sure", () => {
    expect(talk(0.15, [0.1, 0.8, 0.05, 0.05], [0.3, 0.2, 0.1, 0.4])).toBe("general, below-threshold");
  });

  it("is decided by the last turn alone without stickiness, as a single turn is with it", () => {
    for (const stickiness of [0, undefined])
      expect(talk(stickiness, [0.1, 0.8, 0.05, 0.05], [0.45, 0.4, 0.05, 0.1])).toBe("logic, best-match");
    expect(talk(0.15, [0.45, 0.4, 0.05, 0.1])).toBe("logic, best-match");
  });
});

describe("decideWithoutText", () => {
  it("names the generalist for sure and lists every expert", () => {
    expect(decideWithoutText(policy, "no-text", "v1")).toEqual({
      expert: "general",
      cluster: null,
      clusterProbability: null,
      features: null,
      confidence: 1,
      candidates: [
        { expert: "general", probability: 1 },
        { expert: "logic", probability: 0 },
        { expert: "law", probability: 0 },
      ],
      reason: "no-text",
      routerVersion: "v1",
    });
  });
});

describe("assignClasses", () => {
  it("reports every misfit at once", () => {
    const broken: RoutingPolicy = {
      experts: [
        { id: "a", domains: ["code", "chemistry"], clusters: [] },
        { id: "b", domains: ["code"], clusters: [7] },
      ],
      fallback: "c",
      threshold: 0.5,
    };
    expect(() => assignClasses(broken, labels)).toThrow(
      /fallback 'c' is not one.*'a' answers 'chemistry'.*'code' is claimed by 'a' and by 'b'.*'b' answers '7'/s,
    );
  });

  it("matches clusters by number", () => {
    const clustered = {
      ...policy,
      experts: [
        { id: "general", domains: [], clusters: [0, 2] },
        { id: "x", domains: [], clusters: [1] },
      ],
    };
    expect([...assignClasses(clustered, ["0", "1", "2"])]).toEqual([0, 1, 0]);
  });
});

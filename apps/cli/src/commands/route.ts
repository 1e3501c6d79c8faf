import { Command } from "commander";
import { loadSystemConfig, systemConfigPath } from "@expert-router/config";
import {
  ExpertRouter,
  readArtifact,
  type ExpertRouterOptions,
  type ExplainedDecision,
} from "@expert-router/embedder";
import { reportRouterErrors } from "./router-failure.js";

interface RouteOptions {
  readonly router?: string;
  readonly config?: string;
  readonly json?: true;
}

/** `expert-router route`: where a prompt would go, without sending it anywhere. */
export function routeCommand(): Command {
  const command = new Command("route")
    .description("show which expert would answer a prompt")
    .argument("<text>", "the prompt")
    .option("--router <dir>", "artifact to ask; without --config every class of it counts as an expert")
    .option("--config <file>", "expert-router.yaml to read the experts from")
    .option("--json", "print the decision as POST /v1/route does, without queue waits")
    .addHelpText("after", '\nExample:\n  $ expert-router route "Why does this loop never end?"');
  return command.action(async (text: string, options: RouteOptions) =>
    reportRouterErrors(command, async () => {
      const router = await ExpertRouter.load(await routerOptions(options));
      try {
        const explained = await router.explain(text);
        process.stdout.write(options.json ? formatJson(explained) : formatTable(explained));
      } finally {
        await router.close();
      }
    }),
  );
}

async function routerOptions({ router, config }: RouteOptions): Promise<ExpertRouterOptions> {
  if (router !== undefined && config === undefined) {
    const { manifest } = await readArtifact(router);
    const experts = manifest.experts.map(({ name }) => ({ id: name, domains: [name], clusters: [] }));
    return { artifact: router, experts, fallback: experts[0]!.id, threshold: 0 };
  }
  const system = loadSystemConfig(config ?? systemConfigPath(), { needsArtifact: router === undefined });
  return {
    artifact: router ?? system.router?.artifact,
    experts: system.experts,
    fallback: system.fallback,
    threshold: system.router?.threshold ?? 0,
  };
}

function formatJson({ decision, explanation }: ExplainedDecision): string {
  const { expert, cluster, confidence, candidates, reason, routerVersion } = decision;
  const answer = {
    expert,
    cluster,
    confidence,
    candidates,
    reason,
    router_version: routerVersion,
    explanation,
  };
  return `${JSON.stringify(answer)}\n`;
}

function formatTable({ decision, explanation }: ExplainedDecision): string {
  const width = Math.max(...decision.candidates.map(({ expert }) => expert.length));
  const lines = decision.candidates.map(({ expert, probability }) => {
    const bar = "█".repeat(Math.round(probability * 30));
    return `${expert === decision.expert ? "→" : " "} ${expert.padEnd(width)}  ${(probability * 100).toFixed(1).padStart(5)} %  ${bar}`.trimEnd();
  });
  const cluster = decision.cluster === null ? "" : `, class ${decision.cluster}`;
  const router = decision.routerVersion === null ? "" : `, router ${decision.routerVersion}`;
  const terms = explanation.terms.map(({ term }) => term).join(", ");
  return [
    `${decision.expert} (${decision.reason}${cluster}${router})`,
    explanation.text,
    ...(terms === "" ? [] : [`Words that spoke for it: ${terms}.`]),
    ...lines,
    "",
  ].join("\n");
}

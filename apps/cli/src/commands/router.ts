import { resolve } from "node:path";
import { readCommandSettings, type CommandSettings } from "@expert-router/config";
import type { ArtifactReference } from "@expert-router/contracts";
import { deploy, promote, RedisDeploymentStore, reset, rollback } from "@expert-router/router-state";
import { Command, InvalidArgumentError, Option } from "commander";
import { CommandFailure } from "../command-failure.js";
import { changeDeployment, type ChangeOptions } from "../router/change-deployment.js";
import { deploymentText } from "../router/deployment-text.js";
import { clearKeptPrompts, exportKeptPrompts } from "../router/kept-prompts.js";
import { withStateRedis } from "../router/state-redis.js";
import { routerBenchCommand } from "./router-bench.js";
import { reportRouterErrors } from "./router-failure.js";

interface DeployCommandOptions extends ChangeOptions {
  readonly percent?: number;
  readonly shadow?: true;
}

interface PromptsOptions {
  readonly output?: string;
  readonly clear?: true;
}

/** `expert-router router` */
export function routerCommand(): Command {
  const command = new Command("router").description(
    "deploy, try out, roll back and watch versions of the router",
  );
  command.addHelpText(
    "after",
    `
The state is in Redis (REDIS_URL, or that of a running 'expert-router up') and every ingress follows it;
only 'bench' needs none.

Examples:
  $ expert-router router deploy routers/mine --shadow      decides beside the active one, without effect
  $ expert-router router deploy routers/mine --percent 5   decides 5 % of the prompts
  $ expert-router router promote                           decides all
  $ expert-router router rollback                          the artifact before is back
  $ expert-router router bench routers/mine                how fast it classifies`,
  );
  for (const part of [
    status(),
    deployCommand(),
    promoteCommand(),
    rollbackCommand(),
    resetCommand(),
    prompts(),
    routerBenchCommand(),
  ])
    command.addCommand(part);
  return command;
}

function status(): Command {
  return new Command("status")
    .description("show which artifacts serve, on each replica")
    .option("--json", "print it as JSON")
    .action(async (options: { json?: true }) => {
      const settings = readCommandSettings();
      const [deployment, replicas] = await withStateRedis(settings, (redis) => {
        const store = new RedisDeploymentStore(redis);
        return Promise.all([store.read(), store.replicas()]);
      });
      const path = settings.system.router?.artifact ?? "";
      const base = { path, version: await versionAt(path) };
      process.stdout.write(
        options.json === true
          ? `${JSON.stringify({ base, deployment, replicas }, undefined, 2)}\n`
          : deploymentText(deployment, replicas, base),
      );
    });
}

function deployCommand(): Command {
  const command = changing(
    "deploy",
    "serve another artifact; exit code 1, and nothing changed, if a replica refuses it",
  )
    .argument("<dir>", "folder of the artifact, at the same path on every replica")
    .option("--percent <n>", "let it decide this share of the prompts only", percentage)
    .option("--shadow", "let it decide beside the active one, without effect");
  return command.action(async (dir: string, options: DeployCommandOptions) =>
    reportRouterErrors(command, async () => {
      const settings = readCommandSettings();
      const artifact = await verified(settings, resolve(dir));
      await changeDeployment(settings, (now) => deploy(now, artifact, options), options);
    }),
  );
}

function promoteCommand(): Command {
  return changing("promote", "let the candidate decide all prompts").action(
    async (options: ChangeOptions) => {
      await changeDeployment(readCommandSettings(), promote, options);
    },
  );
}

function rollbackCommand(): Command {
  return changing(
    "rollback",
    "withdraw the candidate, or return to the artifact before the active one",
  ).action(async (options: ChangeOptions) => {
    await changeDeployment(readCommandSettings(), rollback, options);
  });
}

function resetCommand(): Command {
  return changing("reset", "serve what router.artifact of the configuration names").action(
    async (options: ChangeOptions) => {
      await changeDeployment(readCommandSettings(), reset, options);
    },
  );
}

function prompts(): Command {
  return new Command("prompts")
    .description("export or forget the live prompts that router.keep_prompts keeps")
    .addOption(
      new Option("--output <file>", "write them as JSON Lines, fit for train and eval").conflicts("clear"),
    )
    .option("--clear", "forget them all")
    .action(async ({ output, clear }: PromptsOptions) => {
      if (output === undefined && clear !== true)
        throw new CommandFailure("give --output FILE.jsonl, or --clear", 2);
      const settings = readCommandSettings();
      if (output !== undefined) await exportKeptPrompts(settings, resolve(output));
      else await clearKeptPrompts(settings);
    });
}

/** A command that changes the deployment and waits for the replicas. */
function changing(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .option("--json", "print the result as JSON")
    .option("--timeout <seconds>", "time that the replicas have to load it", seconds, 30);
}

/** The artifact in `path`, after the check that an ingress would make. */
async function verified({ system }: CommandSettings, path: string): Promise<ArtifactReference> {
  if (system.router === undefined)
    throw new CommandFailure("a system with a single expert routes nothing: no artifact can be deployed");
  const { ExpertRouter } = await import("@expert-router/embedder");
  const { experts, fallback } = system;
  const router = await ExpertRouter.load({
    artifact: path,
    threshold: system.router.threshold,
    experts,
    fallback,
  });
  const { version } = router;
  await router.close();
  return { path, version: version! };
}

async function versionAt(path: string): Promise<string | null> {
  if (path === "") return null;
  const { readArtifact } = await import("@expert-router/embedder");
  return readArtifact(path).then(
    ({ manifest }) => manifest.version,
    () => null,
  );
}

function percentage(text: string): number {
  const value = Number(text);
  if (value > 0 && value <= 100) return value;
  throw new InvalidArgumentError("must be a number above 0, at most 100");
}

function seconds(text: string): number {
  const value = Number(text);
  if (value > 0 && value <= 3_600) return value;
  throw new InvalidArgumentError("must be a number of seconds above 0, at most 3600");
}

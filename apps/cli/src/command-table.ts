import type { Command } from "commander";

export interface CommandEntry {
  readonly description: string;
  /** Imports the command with everything it needs. */
  readonly load: () => Promise<Command>;
}

/** Every subcommand, in the order of the help. */
export const commandTable = {
  up: {
    description: "run the whole system on this machine",
    load: async () => (await import("./commands/up.js")).upCommand(),
  },
  ingress: {
    description: "run the HTTP front door",
    load: async () => (await import("./commands/ingress.js")).ingressCommand(),
  },
  worker: {
    description: "run the worker of one inference server",
    load: async () => (await import("./commands/worker.js")).workerCommand(),
  },
  "engine-sim": {
    description: "run a simulated inference server",
    load: async () => (await import("./commands/engine-sim.js")).engineSimCommand(),
  },
  route: {
    description: "classify a prompt",
    load: async () => (await import("./commands/route.js")).routeCommand(),
  },
  train: {
    description: "train a router from prompts",
    load: async () => (await import("./commands/train.js")).trainCommand(),
  },
  eval: {
    description: "measure a router on prompts with labels",
    load: async () => (await import("./commands/eval.js")).evalCommand(),
  },
  validate: {
    description: "compare methods of training on sources left out whole",
    load: async () => (await import("./commands/validate.js")).validateCommand(),
  },
  router: {
    description: "deploy, try out, roll back and watch versions of the router",
    load: async () => (await import("./commands/router.js")).routerCommand(),
  },
  models: {
    description: "fetch, examine and measure sentence encoders",
    load: async () => (await import("./commands/models.js")).modelsCommand(),
  },
  submit: {
    description: "submit a job to a running ingress",
    load: async () => (await import("./commands/submit.js")).submitCommand(),
  },
  batch: {
    description: "run files of prompts",
    load: async () => (await import("./commands/batch.js")).batchCommand(),
  },
  jobs: {
    description: "list, show and cancel jobs",
    load: async () => (await import("./commands/jobs.js")).jobsCommand(),
  },
  watch: {
    description: "follow a job",
    load: async () => (await import("./commands/watch.js")).watchCommand(),
  },
  dead: {
    description: "inspect, replay and drop requests that failed for good",
    load: async () => (await import("./commands/dead.js")).deadCommand(),
  },
  doctor: {
    description: "examine this installation",
    load: async () => (await import("./commands/doctor.js")).doctorCommand(),
  },
  config: {
    description: "check the configuration",
    load: async () => (await import("./commands/config.js")).configCommand(),
  },
} as const satisfies Record<string, CommandEntry>;

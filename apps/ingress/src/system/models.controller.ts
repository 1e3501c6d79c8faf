import type { Model } from "@expert-router/contracts";
import { Controller, Get, Inject, Param } from "@nestjs/common";
import { autoModel, modelNotFound } from "../completions/expert-chooser.js";
import { INGRESS_CONTEXT } from "../wiring/injection-tokens.js";
import type { IngressContext } from "../wiring/ingress-options.js";

/** The models a client can name: `auto`, and every expert. */
@Controller("v1/models")
export class ModelsController {
  private readonly models: readonly Model[];

  constructor(@Inject(INGRESS_CONTEXT) { settings }: IngressContext) {
    const created = Math.floor(Date.now() / 1_000);
    const ids = [autoModel, ...settings.system.experts.map((expert) => expert.id)];
    this.models = ids.map((id) => ({ id, object: "model", created, owned_by: "expert-router" }));
  }

  @Get()
  list(): { object: "list"; data: readonly Model[] } {
    return { object: "list", data: this.models };
  }

  @Get(":id")
  get(@Param("id") id: string): Model {
    const model = this.models.find((candidate) => candidate.id === id);
    if (model === undefined) throw modelNotFound(id);
    return model;
  }
}

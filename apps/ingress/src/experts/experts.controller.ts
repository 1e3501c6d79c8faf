import {
  routeRequestSchema,
  type ExpertStatus,
  type RouteDecision,
  type RouterStatus,
} from "@expert-router/contracts";
import { Controller, Get, HttpCode, Inject, Post, Req } from "@nestjs/common";
import type { FastifyRequest } from "fastify";
import { priorityHeader, readPriority } from "../completions/priority.js";
import { Spillover } from "../completions/spillover.js";
import { validate } from "../http/request-validation.js";
import { INGRESS_PORTS } from "../wiring/injection-tokens.js";
import type { IngressPorts } from "../wiring/ports.js";
import { ExpertMonitor } from "./expert-monitor.js";

/** What the system would do with a prompt, and how its experts are. */
@Controller("v1")
export class ExpertsController {
  constructor(
    @Inject(INGRESS_PORTS) private readonly ports: IngressPorts,
    @Inject(Spillover) private readonly spillover: Spillover,
    @Inject(ExpertMonitor) private readonly monitor: ExpertMonitor,
  ) {}

  @Get("experts")
  list(): { object: "list"; data: ExpertStatus[] } {
    return { object: "list", data: this.monitor.statuses() };
  }

  @Get("router")
  router(): RouterStatus {
    return this.ports.router.status();
  }

  @Post("route")
  @HttpCode(200)
  async route(@Req() request: FastifyRequest): Promise<RouteDecision> {
    const { input, messages } = validate(routeRequestSchema, request.body);
    const priorityClass = readPriority(request.headers[priorityHeader], "interactive");
    const { decision, explanation } = await this.ports.router.explain(messages ?? input ?? "");
    const { expert, reason, spillover } = this.spillover.weigh(decision, priorityClass);
    return {
      expert,
      cluster: decision.cluster,
      confidence: decision.confidence,
      candidates: decision.candidates.map(({ expert: candidate, probability }) => ({
        expert: candidate,
        probability,
        queue_wait_s: this.monitor.load(candidate).waitS(priorityClass),
      })),
      reason,
      instead_of: spillover?.insteadOf ?? null,
      wait_saved_s: spillover?.waitSavedS ?? null,
      router_version: decision.routerVersion,
      explanation:
        spillover === undefined
          ? explanation
          : { ...explanation, text: `${explanation.text} Because it is busy or away, ${expert} takes over.` },
    };
  }
}

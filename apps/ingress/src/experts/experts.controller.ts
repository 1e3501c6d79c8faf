import {
  routeRequestSchema,
  type ExpertStatus,
  type RouteDecision,
  type RouterStatus,
} from "@expert-router/contracts";
import { Controller, Get, HttpCode, Inject, Post, Req } from "@nestjs/common";
import type { FastifyRequest } from "fastify";
import { validate } from "../http/request-validation.js";
import { INGRESS_PORTS } from "../wiring/injection-tokens.js";
import type { IngressPorts } from "../wiring/ports.js";
import { ExpertMonitor } from "./expert-monitor.js";

/** What the system would do with a prompt, and how its experts are. */
@Controller("v1")
export class ExpertsController {
  constructor(
    @Inject(INGRESS_PORTS) private readonly ports: IngressPorts,
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
    const { decision, explanation } = await this.ports.router.explain(messages ?? input ?? "");
    return {
      expert: decision.expert,
      cluster: decision.cluster,
      confidence: decision.confidence,
      candidates: decision.candidates.map(({ expert, probability }) => ({
        expert,
        probability,
        queue_wait_s: this.monitor.load(expert).estimatedWaitS,
      })),
      reason: decision.reason,
      router_version: decision.routerVersion,
      explanation,
    };
  }
}

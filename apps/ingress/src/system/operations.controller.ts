import { Controller, Get, Header, Inject, Res } from "@nestjs/common";
import type { FastifyReply } from "fastify";
import { INGRESS_CONTEXT } from "../wiring/injection-tokens.js";
import type { IngressContext } from "../wiring/ingress-options.js";
import { landingPage } from "./landing-page.js";
import { openApiDocument } from "./openapi-document.js";

/** What probes, Prometheus and people look at; open without a key. */
@Controller()
export class OperationsController {
  private readonly page: string;
  private readonly document = JSON.stringify(openApiDocument());

  constructor(@Inject(INGRESS_CONTEXT) private readonly context: IngressContext) {
    this.page = landingPage({ needsKey: context.settings.apiKeys.length > 0 });
  }

  @Get("healthz")
  healthz(): { status: "ok" } {
    return { status: "ok" };
  }

  @Get("readyz")
  async readyz(@Res() reply: FastifyReply): Promise<void> {
    const { lifecycle } = this.context;
    const { ready, checks } = await lifecycle.readiness();
    const status = lifecycle.state === "ready" && !ready ? "not-ready" : lifecycle.state;
    void reply.code(ready ? 200 : 503).send({ status, checks });
  }

  @Get("metrics")
  async metrics(@Res() reply: FastifyReply): Promise<void> {
    const { registry } = this.context.metrics;
    void reply.header("content-type", registry.contentType).send(await registry.metrics());
  }

  @Get("openapi.json")
  @Header("content-type", "application/json; charset=utf-8")
  openapi(): string {
    return this.document;
  }

  @Get()
  @Header("content-type", "text/html; charset=utf-8")
  @Header(
    "content-security-policy",
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'",
  )
  landing(): string {
    return this.page;
  }
}

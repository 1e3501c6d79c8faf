import type { DynamicModule } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { FastifyAdapter, type NestFastifyApplication } from "@nestjs/platform-fastify";
import { SwaggerModule, type OpenAPIObject } from "@nestjs/swagger";
import { fastifyOptions, installFrontDoor } from "./http/front-door.js";
import { openApiDocument } from "./system/openapi-document.js";
import type { IngressContext } from "./wiring/ingress-options.js";

/** The HTTP application around `module`; initialised, not listening yet. */
export async function createIngressApp(
  module: DynamicModule,
  context: IngressContext,
): Promise<NestFastifyApplication> {
  const adapter = new FastifyAdapter(fastifyOptions(context.tuning.bodyLimitBytes));
  installFrontDoor(adapter.getInstance(), context);
  const app = await NestFactory.create<NestFastifyApplication>(module, adapter, {
    logger: ["error", "fatal"],
    bodyParser: false,
    abortOnError: false,
  });
  SwaggerModule.setup("docs", app, openApiDocument() as unknown as OpenAPIObject, {
    raw: false,
    // The page asks nobody outside: the badge of swagger.io's validator would.
    swaggerOptions: { validatorUrl: null },
    customSiteTitle: "Expert Router API",
  });
  await app.init();
  await adapter.getInstance().ready();
  return app;
}

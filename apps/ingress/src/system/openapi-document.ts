import { errorBodySchema, errorTable } from "@expert-router/contracts";
import { z } from "zod";
import { routes, type RouteDescription } from "./openapi-paths.js";

type Json = Record<string, unknown>;

/** The OpenAPI 3.1 document, made from the schemas that requests are checked with. */
export function openApiDocument(): Json {
  const schemas: Json = { Error: jsonSchema(errorBodySchema, "output") };
  const paths: Json = {};
  for (const [path, methods] of Object.entries(routes)) {
    const operations: Json = {};
    for (const [method, route] of Object.entries(methods))
      operations[method] = operation(path, method, route, schemas);
    paths[path] = operations;
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Expert Router",
      version: "0.1.0",
      description:
        "Many specialised language models, served as one. OpenAI's SDKs work unchanged; set their base URL to `/v1`.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    tags: ["Generation", "Responses", "Jobs", "Files and batches", "Routing", "Operations"].map((name) => ({
      name,
    })),
    paths,
    components: {
      schemas,
      securitySchemes: {
        key: { type: "http", scheme: "bearer", description: "Needed where API keys are configured." },
      },
    },
  };
}

function operation(path: string, method: string, route: RouteDescription, schemas: Json): Json {
  const guarded = path.startsWith("/v1/");
  return {
    operationId: `${method}${path.replace(/[^a-z0-9]+([a-z0-9])?/gi, (_, letter: string | undefined) => letter?.toUpperCase() ?? "")}`,
    summary: route.summary,
    tags: [route.tag],
    ...(guarded && { security: [{}, { key: [] }] }),
    parameters: parameters(path, route),
    ...(route.body !== undefined && {
      requestBody: {
        required: true,
        content: {
          [route.form === true ? "multipart/form-data" : "application/json"]: {
            schema: reference(route.body, schemas, "input"),
          },
        },
      },
    }),
    responses: {
      [route.status]: { description: "Success.", content: answerContent(route, schemas) },
      ...Object.fromEntries(
        (guarded ? [401, ...route.errors, 503] : route.errors).map((status) => [
          status,
          errorResponse(status),
        ]),
      ),
    },
  };
}

function parameters(path: string, route: RouteDescription): Json[] {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  const inQuery = Object.entries(route.query?.shape ?? {}).map(([name, shape]) => {
    // What the text is read as.
    const schema = jsonSchema(shape as z.ZodType, "output");
    return {
      name,
      in: "query",
      required: false,
      // As `metadata[key]=value`.
      ...(schema["type"] === "object" && { style: "deepObject", explode: true }),
      schema,
    };
  });
  const inHeader = Object.entries(route.headers ?? {}).map(([name, description]) => ({
    name,
    in: "header",
    required: false,
    description,
    schema: { type: "string" },
  }));
  return [...inPath, ...inQuery, ...inHeader];
}

function answerContent({ answer, streams }: RouteDescription, schemas: Json): Json {
  if (typeof answer === "string")
    return { [answer]: { schema: answer === "application/json" ? {} : { type: "string" } } };
  return {
    "application/json": { schema: reference(answer, schemas, "output") },
    ...(streams === true && { "text/event-stream": { schema: { type: "string" } } }),
  };
}

function errorResponse(status: number): Json {
  const codes = Object.entries(errorTable).flatMap(([code, definition]) =>
    definition.status === status ? [`\`${code}\``] : [],
  );
  return {
    description: codes.join(", "),
    content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } },
  };
}

function reference(
  [name, schema]: readonly [string, z.ZodType],
  schemas: Json,
  io: "input" | "output",
): Json {
  schemas[name] ??= jsonSchema(schema, io);
  return { $ref: `#/components/schemas/${name}` };
}

function jsonSchema(schema: z.ZodType, io: "input" | "output"): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, target: "draft-2020-12" });
  return rest;
}

import { z } from "zod";
import { chatMessageSchema } from "./api-completions.js";

/** Body of `POST /v1/route`: a text or a conversation. */
export const routeRequestSchema = z
  .strictObject({
    input: z.string().optional(),
    messages: z.array(chatMessageSchema).min(1).optional(),
  })
  .refine((body) => (body.input === undefined) !== (body.messages === undefined), {
    message: "give either 'input' or 'messages'",
  });
export type RouteRequest = z.infer<typeof routeRequestSchema>;

/** One model of `GET /v1/models`: `auto` or an expert. */
export const modelSchema = z.object({
  id: z.string(),
  object: z.literal("model"),
  created: z.int(),
  owned_by: z.string(),
});
export type Model = z.infer<typeof modelSchema>;

export const modelListSchema = z.object({ object: z.literal("list"), data: z.array(modelSchema) });

/** One expert of `GET /v1/experts`. */
export const expertStatusSchema = z.object({
  id: z.string(),
  object: z.literal("expert"),
  domains: z.array(z.string()),
  engine_kind: z.string(),
  engine_model: z.string(),
  simulated: z.boolean().describe("True when a simulator answers, not a language model."),
  health: z
    .enum(["healthy", "degraded", "unavailable"])
    .describe("degraded: some workers' engines fail; unavailable: no worker that works."),
  queue_depth: z.record(z.string(), z.int()).describe("Waiting requests by class."),
  running: z.int(),
  workers: z.int(),
  circuits: z
    .strictObject({ closed: z.int(), half_open: z.int(), open: z.int() })
    .describe("Workers by the state of their engine's circuit breaker; an open one takes no requests."),
  capacity: z.int().describe("Requests its workers may run at once."),
  drain_rate_per_s: z.number().describe("Requests finished a second, smoothed."),
  start_rate_per_s: z
    .number()
    .nullable()
    .describe("Requests that workers start a second while something waits; null before that was measured."),
  estimated_wait_s: z
    .number()
    .nullable()
    .describe("For an interactive request queued now; null if nothing is measured or no worker is there."),
  estimated_wait_by_class_s: z
    .record(z.string(), z.number().nullable())
    .describe("The same for each scheduling class."),
  desired_workers: z
    .int()
    .describe("Workers that would run what is there and start what waits within its class's target wait."),
});
export type ExpertStatus = z.infer<typeof expertStatusSchema>;

export const expertListSchema = z.object({ object: z.literal("list"), data: z.array(expertStatusSchema) });

/** An error answer, in OpenAI's shape. */
export const errorBodySchema = z.object({
  error: z.object({
    message: z.string(),
    type: z.string(),
    param: z.string().nullable(),
    code: z.string(),
  }),
});

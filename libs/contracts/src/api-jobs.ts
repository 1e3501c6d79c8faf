import { z } from "zod";
import { decisionReasonSchema } from "./decision.js";
import { priorityClasses, requestStatuses } from "./requests.js";

/** Body of `POST /v1/jobs`. `body` is checked by the schema of its endpoint. */
export const jobSubmissionSchema = z.strictObject({
  endpoint: z.enum(["/v1/chat/completions", "/v1/completions"]),
  body: z.record(z.string(), z.unknown()),
  metadata: z
    .record(z.string().max(64), z.string().max(512))
    .optional()
    .describe("Up to 16 pairs, kept with the job."),
  deadline_s: z
    .number()
    .positive()
    .max(7 * 86_400)
    .optional()
    .describe("Seconds from now after which the job expires."),
  priority: z.enum(priorityClasses).optional().describe("Scheduling class; `async` unless said otherwise."),
});
export type JobSubmission = z.infer<typeof jobSubmissionSchema>;

/** A job as `GET /v1/jobs/{id}` shows it. */
export const jobSchema = z.object({
  id: z.string(),
  object: z.literal("job"),
  endpoint: z.string(),
  status: z.enum(requestStatuses),
  expert: z.string(),
  confidence: z.number(),
  reason: decisionReasonSchema,
  instead_of: z.string().nullable().describe("After a spillover: the expert that was busy or away."),
  priority: z.enum(priorityClasses),
  queue_position: z.int().nullable().describe("0 is next; null once it runs."),
  eta_s: z.number().nullable().describe("Estimated seconds until it starts; null if unknown or started."),
  created_at: z.int().describe("Unix seconds."),
  started_at: z.int().nullable(),
  finished_at: z.int().nullable(),
  deadline_at: z.int().nullable(),
  attempts: z.int(),
  metadata: z.record(z.string(), z.string()).nullable(),
  usage: z.record(z.string(), z.unknown()).nullable(),
  response: z
    .record(z.string(), z.unknown())
    .nullable()
    .describe("The whole answer once completed, as the endpoint would give it."),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
});
export type Job = z.infer<typeof jobSchema>;

/** Query of `GET /v1/jobs`, newest first. */
export const jobListQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  after: z.string().optional().describe("Id of the last job of the page before."),
  status: z.enum(requestStatuses).optional(),
  expert: z.string().optional(),
});
export type JobListQuery = z.infer<typeof jobListQuerySchema>;

/** A page of jobs, in OpenAI's list shape. */
export const jobListSchema = z.object({
  object: z.literal("list"),
  data: z.array(jobSchema),
  first_id: z.string().nullable(),
  last_id: z.string().nullable(),
  has_more: z.boolean(),
});
export type JobList = z.infer<typeof jobListSchema>;

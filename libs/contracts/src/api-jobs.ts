import { z } from "zod";
import { decisionReasonSchema } from "./decision.js";
import { queryInteger } from "./query-integer.js";
import { priorityClasses, requestStatuses } from "./requests.js";

/** Longest deadline of a job. */
export const maxDeadlineS = 7 * 86_400;

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
    .max(maxDeadlineS)
    .optional()
    .describe("Seconds from now after which the job expires."),
  webhook: z
    .union([z.string(), z.strictObject({ url: z.string(), secret: z.string().optional() })])
    .optional()
    .describe(
      "URL that is told of the end (Standard Webhooks), and the secret `whsec_…` it is signed with, which is never shown.",
    ),
  expires_after_s: z
    .int()
    .positive()
    .optional()
    .describe(
      "Seconds behind its end after which the job and its answer are forgotten; the operator's `retention.jobs_s` unless said otherwise, and at most that.",
    ),
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
  expires_at: z.int().nullable().describe("When the job is forgotten; null until it has ended."),
  attempts: z.int(),
  metadata: z.record(z.string(), z.string()).nullable(),
  usage: z.record(z.string(), z.unknown()).nullable(),
  response: z
    .record(z.string(), z.unknown())
    .nullable()
    .describe("The whole answer once completed, as the endpoint would give it."),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  webhook: z
    .object({
      url: z.string().describe("Without its query."),
      status: z
        .enum(["waiting", "delivered", "failed"])
        .describe("`waiting`: for the end of the job, or for the next attempt."),
      attempts: z.int(),
      last_attempts: z
        .array(
          z.object({
            at: z.number().describe("Unix seconds."),
            status: z.int().nullable().describe("HTTP status of the receiver's answer."),
            error: z.string().nullable(),
            duration_ms: z.int(),
          }),
        )
        .describe("Up to ten, oldest first."),
    })
    .nullable(),
});
export type Job = z.infer<typeof jobSchema>;

const unixSeconds = queryInteger(0, 253_402_300_799);

/** Query of `GET /v1/jobs`. */
export const jobListQuerySchema = z.strictObject({
  limit: queryInteger(1, 100).default(20),
  order: z.enum(["asc", "desc"]).default("desc").describe("By creation; `desc`: newest first."),
  after: z.string().optional().describe("Id of a job: the page that follows it."),
  before: z.string().optional().describe("Id of a job: the page that ends right before it."),
  status: z.enum(requestStatuses).optional(),
  expert: z.string().optional(),
  metadata: z
    .record(z.string(), z.string())
    .optional()
    .describe("Pairs that the job has, as `metadata[project]=atlas`."),
  created_after: unixSeconds.optional().describe("Unix seconds, inclusive."),
  created_before: unixSeconds.optional().describe("Unix seconds, exclusive."),
});
export type JobListQuery = z.infer<typeof jobListQuerySchema>;

/** Query of `GET /v1/jobs/{id}/events`. */
export const jobEventsQuerySchema = z.strictObject({
  starting_after: z
    .string()
    .optional()
    .describe("Id of the last event seen; the header `Last-Event-ID` goes before."),
});

/** A page of jobs, in OpenAI's list shape. */
export const jobListSchema = z.object({
  object: z.literal("list"),
  data: z.array(jobSchema),
  first_id: z.string().nullable(),
  last_id: z.string().nullable(),
  has_more: z.boolean(),
});
export type JobList = z.infer<typeof jobListSchema>;

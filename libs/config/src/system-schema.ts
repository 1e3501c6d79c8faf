import { engineKinds } from "@expert-router/contracts";
import { z } from "zod";

const httpUrl = z.url({ protocol: /^https?$/, error: "expected an http:// or https:// URL" });
const milliseconds = z.int().min(1).max(3_600_000);

/** `experts[].engine` */
const engineSchema = z.strictObject({
  kind: z.enum(engineKinds),
  url: httpUrl,
  model: z.string().min(1),
  concurrency: z.int().min(1).max(100_000).default(64),
  api_key: z.string().min(1).optional(),
  first_token_timeout_ms: milliseconds.default(120_000),
  inter_token_timeout_ms: milliseconds.default(30_000),
});

/** `experts[]` */
const expertSchema = z.strictObject({
  id: z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/, {
    error: "expected lower-case letters, digits and dashes, at most 64, the first no dash",
  }),
  description: z.string().optional(),
  domains: z.array(z.string().min(1)).default([]),
  clusters: z.array(z.int().min(0)).default([]),
  engine: engineSchema,
});

/** `router.keep_prompts` */
const keepPromptsSchema = z.strictObject({
  sample: z.number().gt(0).max(1).default(0.01),
  max: z.int().min(1).max(1_000_000).default(10_000),
  days: z.int().min(1).max(3_650).default(30),
});

/** `files` */
const filesSchema = z
  .strictObject({
    s3: z
      .strictObject({
        bucket: z.string().min(3).max(63),
        region: z.string().min(1).default("us-east-1"),
        endpoint: httpUrl.optional(),
        prefix: z
          .string()
          .regex(/^([A-Za-z0-9][\w.-]*\/)*$/, { error: "expected folder names, each followed by a slash" })
          .default(""),
        path_style: z.boolean().default(false),
      })
      .optional(),
  })
  .prefault({});

/** `scheduling.classes.*` */
const classSchema = (defaults: { min_share: number; max_queued: number }) =>
  z
    .strictObject({
      min_share: z.number().min(0).max(0.5).default(defaults.min_share),
      max_queued: z.int().min(1).max(10_000_000).default(defaults.max_queued),
      max_wait_s: z.number().gt(0).max(604_800).optional(),
    })
    .prefault({});

const tenantShare = {
  weight: z.number().min(0.001).max(1_000).default(1),
  max_running: z.int().min(1).max(1_000_000).optional(),
  max_waiting: z.int().min(1).max(10_000_000).optional(),
};

/** `scheduling` */
const schedulingSchema = z
  .strictObject({
    headroom: z.number().min(0).max(0.9).default(0.1),
    classes: z
      .strictObject({
        interactive: classSchema({ min_share: 0, max_queued: 10_000 }),
        async: classSchema({ min_share: 0.1, max_queued: 100_000 }),
        batch: classSchema({ min_share: 0.05, max_queued: 100_000 }),
      })
      .prefault({}),
    default_tenant: z.strictObject(tenantShare).prefault({}),
    tenants: z
      .array(
        z
          .strictObject({
            name: z.string().min(1).max(100).optional(),
            user: z.string().min(1).max(256).optional(),
            key_sha256: z
              .string()
              .regex(/^[0-9a-f]{64}$/i, { error: "expected 64 hexadecimal digits" })
              .optional(),
            ...tenantShare,
          })
          .refine((tenant) => (tenant.user === undefined) !== (tenant.key_sha256 === undefined), {
            error: "give either 'user' or 'key_sha256'",
          }),
      )
      .max(10_000)
      .default([]),
  })
  .prefault({});

/** The keys of expert-router.yaml, as they are written there. Rules between keys are in `system-rules`. */
export const systemSchema = z.strictObject({
  router: z
    .strictObject({
      artifact: z.string().min(1),
      threshold: z.number().min(0).max(1).default(0.45),
      spill_margin: z.number().min(0).max(1).default(0.1),
      stickiness: z.number().min(0).max(1).default(0.15),
      keep_prompts: keepPromptsSchema.optional(),
    })
    .optional(),
  fallback: z.string().min(1),
  experts: z.array(expertSchema).min(1, { error: "expected at least one expert" }).max(1_000),
  limits: z
    .strictObject({
      max_attempts: z.int().min(1).max(100).default(3),
      job_lock_s: z.int().min(1).max(3_600).default(60),
      sync_timeout_s: z.int().min(1).max(86_400).default(600),
      queue_timeout_s: z.number().gt(0).max(86_400).optional(),
      run_timeout_s: z.number().gt(0).max(604_800).default(3_600),
      max_answer_tokens: z.int().min(1).max(100_000_000).default(1_000_000),
      max_answer_mb: z.number().gt(0).max(512).default(16),
      max_tenant_mb: z.number().gt(0).max(100_000_000).default(2_048),
      max_stored_mb: z.number().gt(0).max(100_000_000).optional(),
    })
    .prefault({}),
  scheduling: schedulingSchema,
  webhooks: z
    .strictObject({
      allow_private: z.boolean().default(false),
      allow_http: z.boolean().default(false),
      timeout_s: z.number().min(0.1).max(60).default(10),
      first_retry_s: z.number().min(0.1).max(3_600).default(5),
      max_attempts: z.int().min(1).max(30).default(14),
    })
    .prefault({}),
  files: filesSchema,
  retention: z
    .strictObject({
      sync_s: z.int().min(1).max(31_536_000).default(600),
      jobs_s: z.int().min(1).max(31_536_000).default(86_400),
      dead_s: z.int().min(1).max(31_536_000).default(604_800),
    })
    .prefault({}),
});

/** expert-router.yaml after validation, defaults filled in. */
export type SystemFile = z.infer<typeof systemSchema>;
export type ExpertEntry = SystemFile["experts"][number];

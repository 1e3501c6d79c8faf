import type { WebhooksConfig } from "@expert-router/config";
import {
  CodedError,
  isWebhookSecret,
  type JobSubmission,
  type WebhookTarget,
} from "@expert-router/contracts";
import { isPublicAddress, literalAddress } from "@expert-router/webhooks";

const maxUrlLength = 2_048;

/**
 * Where the end of a job is told. Names of hosts are looked up when it is told, not here.
 * @throws CodedError `invalid_value`, `missing_required_parameter`
 */
export function webhookTarget(
  webhook: NonNullable<JobSubmission["webhook"]>,
  { allowHttp, allowPrivate }: WebhooksConfig,
  hasDefaultSecret: boolean,
): WebhookTarget {
  const { url, secret } = typeof webhook === "string" ? { url: webhook, secret: undefined } : webhook;
  const param = typeof webhook === "string" ? "webhook" : "webhook.url";
  const invalid = (reason: string): CodedError =>
    new CodedError("invalid_value", `Invalid value for '${param}': ${reason}.`, { param });
  if (url.length > maxUrlLength) throw invalid(`expected at most ${maxUrlLength} characters`);
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const protocols = allowHttp ? ["https:", "http:"] : ["https:"];
  if (parsed === undefined || !protocols.includes(parsed.protocol))
    throw invalid(`expected ${allowHttp ? "a URL" : "an https:// URL"}`);
  if (parsed.username !== "" || parsed.password !== "") throw invalid("expected no user and no password");
  const literal = literalAddress(parsed);
  if (literal !== undefined && !allowPrivate && !isPublicAddress(literal))
    throw invalid("webhooks are not sent to this address");
  if (secret === undefined && !hasDefaultSecret) {
    const message = "Missing required parameter: 'webhook.secret'. The operator has set no secret for all.";
    throw new CodedError("missing_required_parameter", message, { param: "webhook.secret" });
  }
  if (secret !== undefined && !isWebhookSecret(secret)) {
    const message = "Invalid value for 'webhook.secret': expected 'whsec_' and 24 to 64 bytes in base64.";
    throw new CodedError("invalid_value", message, { param: "webhook.secret" });
  }
  return { url, secret };
}

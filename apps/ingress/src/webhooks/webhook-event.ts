import type { Job } from "@expert-router/contracts";

/** Receivers often take no more than a megabyte; a longer answer is left to be fetched. */
const maxPayloadCharacters = 1_000_000;

/** Id and payload of the event that tells of a job's end. Each attempt has the same id, by which a receiver knows a repeat. */
export function webhookEvent(job: Job): { id: string; payload: string } {
  // How the telling itself stands would be another payload with each attempt.
  const { webhook: _, ...data } = job;
  const event = (shown: object): string =>
    JSON.stringify({
      type: `job.${job.status}`,
      timestamp: new Date((job.finished_at ?? job.created_at) * 1_000).toISOString(),
      data: shown,
    });
  const whole = event(data);
  return {
    id: job.id.replace(/^req_/, "evt_"),
    payload: whole.length <= maxPayloadCharacters ? whole : event({ ...data, response: null }),
  };
}

import type { SchedulerFigures } from "./batch-scheduler.js";
import type { PrefixCache } from "./prefix-cache.js";

/** The simulator's figures under the names vLLM gives them, in Prometheus' text format. */
export function metricsPage(
  figures: SchedulerFigures,
  prefixCache: PrefixCache["figures"],
  model: string,
): string {
  const labels = `{engine="0",model_name=${JSON.stringify(model)}}`;
  const rows: [name: string, type: "gauge" | "counter", help: string, value: number][] = [
    ["vllm:num_requests_running", "gauge", "Number of requests in model execution batches.", figures.running],
    ["vllm:num_requests_waiting", "gauge", "Number of requests waiting to be processed.", figures.waiting],
    ["vllm:kv_cache_usage_perc", "gauge", "KV-cache usage. 1 means 100 percent usage.", figures.cacheUsage],
    [
      "vllm:prefix_cache_queries_total",
      "counter",
      "Prefix cache queries, in prompt tokens (simulated).",
      prefixCache.queries,
    ],
    [
      "vllm:prefix_cache_hits_total",
      "counter",
      "Prefix cache hits, in tokens (simulated).",
      prefixCache.hits,
    ],
    ["vllm:prompt_tokens_total", "counter", "Number of prefill tokens processed.", figures.promptTokens],
    [
      "vllm:generation_tokens_total",
      "counter",
      "Number of generation tokens processed.",
      figures.generatedTokens,
    ],
    ["vllm:request_success_total", "counter", "Count of successfully processed requests.", figures.finished],
    [
      "engine_sim:requests_abandoned_total",
      "counter",
      "Requests whose client went away before the end.",
      figures.abandoned,
    ],
  ];
  return rows
    .map(
      ([name, type, help, value]) =>
        `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${name}${labels} ${value}\n`,
    )
    .join("");
}

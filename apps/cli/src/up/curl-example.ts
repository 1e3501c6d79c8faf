const body = {
  model: "auto",
  stream: true,
  messages: [{ role: "user", content: "Write a SQL query that counts the orders of each day." }],
};

/** A line for the terminal that streams an answer from the ingress at `url`. */
export function curlExample(url: string, needsKey: boolean): string {
  // The key itself stays in the environment: a terminal is no place for it.
  const key = needsKey ? ` -H "authorization: Bearer \${EXPERT_ROUTER_API_KEYS%%,*}"` : "";
  return `curl -N ${url}/v1/chat/completions -H "content-type: application/json"${key} -d '${JSON.stringify(body)}'`;
}

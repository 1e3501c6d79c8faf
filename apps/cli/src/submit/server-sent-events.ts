/** One event of an SSE stream. */
export interface ServerSentEvent {
  readonly id?: string | undefined;
  readonly event: string;
  readonly data: string;
}

/** An event larger than this is no answer of ours. */
const maxEventChars = 16 * 1024 * 1024;

/** The events of a `text/event-stream` body, as the HTML standard defines them; comments are skipped. */
export async function* serverSentEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  const decoder = new TextDecoder();
  let buffered = "";
  for await (const bytes of body) {
    buffered += decoder.decode(bytes, { stream: true });
    const blocks = buffered.split(/\r?\n\r?\n/);
    buffered = blocks.pop() ?? "";
    if (buffered.length > maxEventChars) throw new Error("the server sent an event without end");
    for (const block of blocks) {
      const event = parseBlock(block);
      if (event !== undefined) yield event;
    }
  }
}

function parseBlock(block: string): ServerSentEvent | undefined {
  const data: string[] = [];
  let id: string | undefined;
  let event = "message";
  for (const line of block.split(/\r?\n/)) {
    const [, field, value = ""] = /^([^:]*)(?:: ?(.*))?$/.exec(line) ?? [];
    if (field === "data") data.push(value);
    else if (field === "id") id = value;
    else if (field === "event") event = value;
  }
  return data.length === 0 ? undefined : { id, event, data: data.join("\n") };
}

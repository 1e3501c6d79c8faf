import { describe, expect, it } from "vitest";
import { serverSentEvents, type ServerSentEvent } from "./server-sent-events.js";

async function parse(...pieces: string[]): Promise<ServerSentEvent[]> {
  async function* body() {
    for (const piece of pieces) yield new TextEncoder().encode(piece);
  }
  return collected(body());
}

async function collected(body: AsyncIterable<Uint8Array>): Promise<ServerSentEvent[]> {
  const events: ServerSentEvent[] = [];
  for await (const event of serverSentEvents(body)) events.push(event);
  return events;
}

describe("serverSentEvents", () => {
  it("reads ids, names and data, and skips comments", async () => {
    expect(
      await parse(': ping\n\nid: 1-2\ndata: {"a":1}\n\nevent: job.completed\ndata: x\ndata:y\n\n'),
    ).toEqual([
      { id: "1-2", event: "message", data: '{"a":1}' },
      { id: undefined, event: "job.completed", data: "x\ny" },
    ]);
  });

  it("does not mind where the network cuts, even inside a character", async () => {
    const bytes = [...new TextEncoder().encode("data: häß\r\n\r\n")];
    async function* body() {
      for (const byte of bytes) yield Uint8Array.of(byte);
    }
    expect(await collected(body())).toEqual([{ id: undefined, event: "message", data: "häß" }]);
  });

  it("drops an event that was cut off", async () => {
    expect(await parse("data: a\n\ndata: b\n")).toHaveLength(1);
  });
});

interface Chunk {
  readonly error?: { readonly code: string };
  readonly choices?: readonly { readonly delta: { readonly content?: string } }[];
}

/** Counts the chunks with text in a stream of server-sent events, as its pieces come. */
export class TokenCounter {
  tokens = 0;
  /** Code of an error inside the stream. */
  error: string | undefined;
  isDone = false;
  private readonly decoder = new TextDecoder();
  private rest = "";

  take(piece: Uint8Array): void {
    this.rest += this.decoder.decode(piece, { stream: true });
    const lines = this.rest.split("\n");
    this.rest = lines.pop() ?? "";
    for (const line of lines) if (line.startsWith("data: ")) this.read(line.slice("data: ".length));
  }

  private read(data: string): void {
    if (data === "[DONE]") {
      this.isDone = true;
      return;
    }
    const { error, choices } = JSON.parse(data) as Chunk;
    if (error !== undefined) this.error = error.code;
    else if (choices?.[0]?.delta.content) this.tokens += 1;
  }
}

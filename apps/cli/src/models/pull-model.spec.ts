import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startFakeHub, type FakeHub, type Trick } from "./hub.fixture.js";
import { ModelHub } from "./model-hub.js";
import { pullModel, type Pull, type PullProgress } from "./pull-model.js";

const model = Buffer.from(Array.from({ length: 300_000 }, (_, at) => (at * 7) % 251));
const files = {
  "README.md": Buffer.from("a card"),
  "tokenizer.json": Buffer.from("{}"),
  "modules.json": Buffer.from("[]"),
  "1_Pooling/config.json": Buffer.from("{ }"),
  "onnx/model.onnx": model,
  "onnx/model_quantized.onnx": Buffer.from(model.toReversed()),
  "pytorch_model.bin": Buffer.alloc(500),
};
const wanted = ["1_Pooling/config.json", "modules.json", "onnx/model_quantized.onnx", "tokenizer.json"];
const large = "onnx/model_quantized.onnx";

let output: string;
const cleanups: (() => unknown)[] = [];

beforeEach(() => {
  output = mkdtempSync(join(tmpdir(), "expert-router-pull-"));
  cleanups.push(() => rmSync(output, { recursive: true, force: true }));
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function fakeHub(...args: Parameters<typeof startFakeHub>): Promise<FakeHub> {
  const fake = await startFakeHub(...args);
  cleanups.push(() => fake.close());
  return fake;
}

function pulling(endpoint: string, more: Partial<Pull> = {}, token?: string) {
  const hub = new ModelHub({ endpoint, token });
  cleanups.push(() => hub.close());
  return pullModel({ hub, repo: "owner/encoder", revision: "main", output, pauseMs: 1, ...more });
}

const there = () =>
  readdirSync(output, { recursive: true })
    .map(String)
    .filter((name) => statSync(join(output, name)).isFile())
    .toSorted();

/** Sends `bytes` of what was asked for and breaks the connection. */
const cutAfter =
  (bytes: number): Trick =>
  (request, response, content) => {
    const from = Number(/\d+/.exec(request.headers.range ?? "0")![0]);
    const range = { "content-range": `bytes ${from}-${content.length - 1}/${content.length}` };
    response.writeHead(from > 0 ? 206 : 200, {
      "content-length": content.length - from,
      ...(from > 0 ? range : {}),
    });
    response.write(content.subarray(from, from + bytes), () => setTimeout(() => response.destroy(), 20));
  };

const status =
  (code: number): Trick =>
  (_request, response) =>
    response.writeHead(code).end();

describe("pullModel", () => {
  it("fetches what an encoder needs and nothing else", async () => {
    const fake = await fakeHub(files);
    const progress: PullProgress[] = [];
    const pulled = await pulling(fake.endpoint, { onProgress: (of) => progress.push(of) });
    expect(there()).toEqual(wanted);
    expect(readFileSync(join(output, large)).equals(files[large])).toBe(true);
    expect(pulled.fetched.toSorted()).toEqual(wanted);
    const last = progress.at(-1)!;
    expect(last.bytes).toBe(last.totalBytes);
    expect(progress.every(({ bytes }, at) => at === 0 || bytes >= progress[at - 1]!.bytes)).toBe(true);
  });

  it("fetches nothing twice, and puts right what is wrong", async () => {
    const fake = await fakeHub(files);
    await pulling(fake.endpoint);
    expect((await pulling(fake.endpoint)).fetched).toEqual([]);
    writeFileSync(join(output, "modules.json"), "{}");
    expect((await pulling(fake.endpoint)).fetched).toEqual(["modules.json"]);
    expect(readFileSync(join(output, "modules.json"), "utf8")).toBe("[]");
  });

  it("takes the model it is told to", async () => {
    const fake = await fakeHub(files);
    await pulling(fake.endpoint, { file: "onnx/model.onnx" });
    expect(there()).toContain("onnx/model.onnx");
    expect(there()).not.toContain(large);
    await expect(pulling(fake.endpoint, { file: "onnx/other.onnx" })).rejects.toThrow(
      "has no file onnx/other.onnx: it holds onnx/model.onnx, onnx/model_quantized.onnx",
    );
  });

  it("goes on where a transfer was cut, at once and in the next pull", async () => {
    const fake = await fakeHub(files);
    fake.trick(large, cutAfter(100_000));
    fake.trick(large, cutAfter(50_000));
    for (let refusals = 0; refusals < 4; refusals++) fake.trick(large, status(503));
    await expect(pulling(fake.endpoint)).rejects.toThrow(/answered 503.*150000 of 300000 bytes are kept/s);
    expect(there().filter((name) => !name.endsWith(".part"))).toEqual([]);
    await pulling(fake.endpoint);
    const ranges = fake.requests.filter(({ path }) => path.endsWith(large)).map(({ range }) => range);
    expect(ranges.slice(0, 3)).toEqual([undefined, "bytes=100000-", "bytes=150000-"]);
    expect(ranges.at(-1)).toBe("bytes=150000-");
    expect(readFileSync(join(output, large)).equals(files[large])).toBe(true);
    expect(there()).toEqual(wanted);
  });

  it("starts again with a server that knows no ranges", async () => {
    const fake = await fakeHub(files);
    fake.trick(large, cutAfter(100_000));
    fake.trick(large, (_request, response, content) => response.writeHead(200).end(content));
    await pulling(fake.endpoint);
    expect(readFileSync(join(output, large)).equals(files[large])).toBe(true);
  });

  it("throws spoilt content away and fetches it anew", async () => {
    const fake = await fakeHub(files);
    const spoilt: Trick = (_request, response, content) => response.end(Buffer.alloc(content.length));
    fake.trick(large, spoilt);
    await pulling(fake.endpoint);
    expect(readFileSync(join(output, large)).equals(files[large])).toBe(true);
  });

  it.each([
    [large, { lfs: { oid: "0".repeat(64), size: 300_000 } }, /sha256 hash is [0-9a-f]{64}, not 0+/],
    ["modules.json", { oid: "0".repeat(40) }, /git hash is [0-9a-f]{40}, not 0+/],
    [large, { lfs: { oid: "0".repeat(64), size: 1_000 } }, /more than the 1000 bytes it lists/],
  ])("refuses content of %s that is not what is listed (%#)", async (name, lie, message) => {
    const fake = await fakeHub(files, { [name]: lie });
    await expect(pulling(fake.endpoint)).rejects.toThrow(message);
    expect(there()).not.toContain(name);
  });

  it.each(["../evil.json", "/etc/passwd", "a/../../b", "C:\\x", "a//b", "a\u0000b"])(
    "refuses a listing with the path %j",
    async (path) => {
      const fake = await fakeHub(files, { "README.md": { path } });
      await expect(pulling(fake.endpoint)).rejects.toThrow("not safe to write");
      expect(there()).toEqual([]);
    },
  );

  it.each([
    [401, undefined, /to strangers \(401\).*HF_TOKEN/],
    [403, "secret-token", /the token in HF_TOKEN \(403\)/],
    [404, undefined, /has no owner\/encoder at revision main \(404\)/],
    [503, undefined, /answered 503/],
  ])("says what a refusal with %i means, without the token", async (code, token, message) => {
    const fake = await fakeHub(files);
    fake.trick("recursive=true", status(code));
    const error = await pulling(fake.endpoint, {}, token).catch((reason: unknown) => reason as Error);
    expect(error).toMatchObject({ name: "CommandFailure", message: expect.stringMatching(message) });
    expect((error as Error).message).not.toContain("secret-token");
  });

  it("keeps its token from the host it is sent to", async () => {
    const store = await fakeHub({});
    const fake = await fakeHub(files);
    store.trick("/model", (_request, response) => response.end(files[large]));
    fake.trick(large, (_request, response) =>
      response
        .writeHead(302, { location: `${store.endpoint.replace("127.0.0.1", "localhost")}/model` })
        .end(),
    );
    await pulling(fake.endpoint, {}, "secret-token");
    expect(fake.requests[0]!.token).toBe("Bearer secret-token");
    expect(store.requests.map(({ token }) => token)).toEqual([undefined]);
  });

  it("says that nobody answers", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    await expect(pulling(`http://127.0.0.1:${port}`)).rejects.toThrow(/cannot be reached: .*ECONNREFUSED/);
  });

  it("says that something else than a hub answers, or one without encoder", async () => {
    const fake = await fakeHub(files);
    fake.trick("recursive=true", (_request, response) => response.end("<html>"));
    await expect(pulling(fake.endpoint)).rejects.toThrow("does not answer as the Hugging Face hub does");
    const bare = await fakeHub({ "tokenizer.json": files["tokenizer.json"] });
    await expect(pulling(bare.endpoint)).rejects.toThrow("it holds no .onnx file");
    const mute = await fakeHub({ "model.onnx": model });
    await expect(pulling(mute.endpoint)).rejects.toThrow("has no tokenizer.json");
  });

  it("refuses what is no name of a repository", async () => {
    await expect(pulling("http://127.0.0.1:9", { repo: "../../x" })).rejects.toThrow(
      "is no name of a repository",
    );
  });
});

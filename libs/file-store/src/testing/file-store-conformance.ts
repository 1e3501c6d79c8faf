import { expect, it } from "vitest";
import { FileStoreUnavailable, readText, type ByteStream, type FileStore } from "../file-store.js";

/** What every {@link FileStore} does, whatever is behind it. */
export function fileStoreConformance(openStore: () => FileStore): void {
  let folders = 0;
  /** Each case has a folder to itself. */
  const folder = (): string => `case-${(folders += 1)}`;

  it("keeps a stream and gives it back, whole or in part", async () => {
    const [store, key] = [openStore(), `${folder()}/a/content`];
    await store.put(key, stream(["Hello, ", "wörld"]));
    expect(await text(store, key)).toBe("Hello, wörld");
    expect(await store.stat(key)).toMatchObject({ bytes: 13 });
    expect(await text(store, key, { offset: 7 })).toBe("wörld");
    expect(await text(store, key, { offset: 7, length: 1 })).toBe("w");
    expect(await text(store, key, { length: 5 })).toBe("Hello");
    expect(await text(store, key, { length: 0 })).toBe("");
    expect(await text(store, key, { offset: 13 })).toBe("");
    expect(await text(store, key, { offset: 100 })).toBe("");
  });

  it("keeps what is larger than a part of an upload", async () => {
    const [store, key] = [openStore(), `${folder()}/large`];
    const piece = Buffer.alloc(1_000_003, "abcdefg");
    await store.put(key, stream(Array.from({ length: 12 }, () => piece)));
    expect(await store.stat(key)).toMatchObject({ bytes: 12 * piece.length });
    let bytes = 0;
    for await (const part of (await store.read(key))!) bytes += part.length;
    expect(bytes).toBe(12 * piece.length);
    const [offset, length] = [piece.length + 1, 9 * piece.length];
    expect(await text(store, key, { offset, length })).toBe(
      Buffer.concat(Array.from({ length: 10 }, () => piece)).toString("utf8", 1, 1 + length),
    );
    expect(await text(store, key, { offset: 11 * piece.length, length: 7 })).toBe("abcdefg");
  });

  it("reads one object to its end, or fails, when it is replaced meanwhile", async () => {
    const [store, key] = [openStore(), `${folder()}/replaced`];
    const pieces = (letter: string) => Array.from({ length: 10 }, () => Buffer.alloc(1_000_000, letter));
    await store.put(key, stream(pieces("a")));
    const seen = new Set<number>();
    let bytes = 0;
    const read = async (): Promise<void> => {
      for await (const piece of (await store.read(key))!) {
        if (bytes === 0) await store.put(key, stream(pieces("b")));
        for (const byte of piece) seen.add(byte);
        bytes += piece.length;
      }
    };
    const failure = await read().catch((error: unknown) => error);
    expect([...seen]).toEqual(["a".charCodeAt(0)]);
    if (failure === undefined) expect(bytes).toBe(10_000_000);
    else expect(failure).toBeInstanceOf(FileStoreUnavailable);
  });

  it("keeps an empty stream", async () => {
    const [store, key] = [openStore(), `${folder()}/empty`];
    await store.put(key, stream([]));
    expect(await store.stat(key)).toMatchObject({ bytes: 0 });
    expect(await text(store, key)).toBe("");
  });

  it("replaces what is there", async () => {
    const [store, key] = [openStore(), `${folder()}/a`];
    await store.put(key, stream(["first"]));
    await store.put(key, stream(["second"]));
    expect(await text(store, key)).toBe("second");
  });

  it("keeps nothing of a stream that fails, and says why", async () => {
    const [store, key] = [openStore(), `${folder()}/broken`];
    async function* broken(): ByteStream {
      yield Buffer.alloc(6_000_000);
      throw new RangeError("the client left");
    }
    await expect(store.put(key, broken())).rejects.toThrow("the client left");
    expect(await store.stat(key)).toBeUndefined();
  });

  it("gives a key to one of those who create it at once", async () => {
    const [store, key] = [openStore(), `${folder()}/log/000001`];
    const bodies = ["a", "b", "c", "d", "e", "f", "g", "h"];
    const created = await Promise.all(bodies.map((body) => store.create(key, Buffer.from(body))));
    expect(created.filter(Boolean)).toHaveLength(1);
    expect(await text(store, key)).toBe(bodies[created.indexOf(true)]);
    expect(await store.create(key, Buffer.from("late"))).toBe(false);
    await store.delete(key);
    expect(await store.create(key, Buffer.from("again"))).toBe(true);
  });

  it("does not have what nobody stored", async () => {
    const [store, key] = [openStore(), `${folder()}/none`];
    expect(await store.read(key)).toBeUndefined();
    expect(await store.read(key, { offset: 3 })).toBeUndefined();
    expect(await store.read(key, { length: 0 })).toBeUndefined();
    expect(await store.stat(key)).toBeUndefined();
    await store.delete(key);
    expect(await names(store.list(key))).toEqual([]);
  });

  it("lists what is directly in a folder, in order, behind a name", async () => {
    const [store, at] = [openStore(), folder()];
    for (const key of ["b", "a/x", "a/y", "c/d/e", "c.txt", "B"])
      await store.create(`${at}/${key}`, Buffer.from("1"));
    expect(await names(store.list(at))).toEqual(["B", "a", "b", "c", "c.txt"]);
    expect(await names(store.list(at, "a"))).toEqual(["b", "c", "c.txt"]);
    expect(await names(store.list(`${at}/a`))).toEqual(["x", "y"]);
    await store.delete(`${at}/c/d/e`);
    expect(await names(store.list(at, "b"))).toEqual(["c.txt"]);
  });

  it("lists more than a page", async () => {
    const [store, at] = [openStore(), folder()];
    const keys = Array.from({ length: 1_103 }, (_, i) => String(i).padStart(6, "0"));
    for (let from = 0; from < keys.length; from += 100)
      await Promise.all(
        keys.slice(from, from + 100).map((key) => store.create(`${at}/${key}`, Buffer.from("1"))),
      );
    expect(await names(store.list(at))).toEqual(keys);
    expect(await names(store.list(at, "001050"))).toEqual(keys.slice(1_051));
  });

  it("deletes", async () => {
    const [store, key] = [openStore(), `${folder()}/deep/down/here`];
    await store.put(key, stream(["x"]));
    await store.delete(key);
    expect(await store.stat(key)).toBeUndefined();
    await store.put(key, stream(["y"]));
    expect(await text(store, key)).toBe("y");
  });

  it("lets no key leave its place", async () => {
    const store = openStore();
    for (const key of ["../etc/passwd", "/etc/passwd", "a/../../b", "", "a//b", ".hidden", "a/./b", "a\0b"])
      await expect(async () => store.stat(key), key).rejects.toThrow(TypeError);
  });
}

async function* stream(pieces: readonly (string | Buffer)[]): ByteStream {
  for (const piece of pieces) yield Buffer.from(piece);
}

async function text(
  store: FileStore,
  key: string,
  range?: { readonly offset?: number; readonly length?: number },
): Promise<string> {
  return readText((await store.read(key, range))!);
}

async function names(list: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const name of list) all.push(name);
  return all;
}

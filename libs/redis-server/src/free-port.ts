import { createServer } from "node:net";

/** A TCP port that nobody listened on a moment ago. */
export async function findFreePort(host = "127.0.0.1"): Promise<number> {
  const port = await tryListen(host, 0);
  if (port === undefined) throw new Error(`no port can be opened on ${host}`);
  return port;
}

/** Whether `port` can be listened on. */
export async function isPortFree(port: number, host = "127.0.0.1"): Promise<boolean> {
  return (await tryListen(host, port)) !== undefined;
}

/** Listens for a moment. The port it got; undefined where it is taken; any other trouble is an error. */
function tryListen(host: string, port: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(undefined);
      else reject(error);
    });
    server.listen(port, host, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" ? address?.port : undefined));
    });
  });
}

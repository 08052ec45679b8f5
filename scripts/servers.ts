import { type ChildProcess, execFile, spawn } from "node:child_process";
import { chown, mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";

/** A server for tests, or why there is none. */
export type Server = { readonly url: string; stop(): Promise<void> } | { readonly skip: string };

const run = promisify(execFile);
const URL_VARIABLE = "NEVERTWICE_TEST_POSTGRES_URL";
const PACKAGES = "/usr/lib/postgresql";
const START_MS = 30_000;

/** Starts what the tests need, once for a whole run; `env` is for the test processes. */
export async function startServers(): Promise<{
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}> {
  const postgres = await postgresUrl();
  if ("skip" in postgres) return { env: {}, stop: async () => {} };
  return { env: { [URL_VARIABLE]: postgres.url }, stop: postgres.stop };
}

/**
 * The given server, else one of the machine's own, else Debian's.
 *
 * @throws under CI if there is none
 */
export async function postgresUrl(): Promise<Server> {
  const given = process.env[URL_VARIABLE];
  if (given !== undefined) return { url: given, stop: async () => {} };
  const binaries =
    (await findBinaries()) ?? ((await installPackage("postgresql")) && (await findBinaries()));
  if (binaries !== undefined) return startPostgres(binaries);
  const skip = `no PostgreSQL: set ${URL_VARIABLE} or install the package postgresql`;
  if (process.env["CI"] === "true") throw new Error(`There is ${skip}.`);
  console.warn(`SKIPPED: ${skip}.`);
  return { skip };
}

/** The directory of the newest `initdb` and `postgres`. */
export async function findBinaries(): Promise<string | undefined> {
  const versions: string[] = await readdir(PACKAGES).catch(() => []);
  const newest = versions.toSorted((a, b) => Number(b) - Number(a));
  const places = newest.map((version) => join(PACKAGES, version, "bin"));
  for (const place of [...places, ...(process.env["PATH"] ?? "").split(delimiter)]) {
    const names: string[] = await readdir(place).catch(() => []);
    if (names.includes("initdb") && names.includes("postgres")) return place;
  }
  return undefined;
}

/** Whether Debian's package is there now; only root can install one. */
export async function installPackage(name: string): Promise<true | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  try {
    await run("apt-get", ["update"], { env });
    await run("apt-get", ["install", "--yes", "--no-install-recommends", name], { env });
  } catch {
    return undefined;
  }
  return true;
}

async function startPostgres(binaries: string): Promise<Server> {
  const base = await mkdtemp(join(tmpdir(), "nevertwice-postgres-"));
  const data = join(base, "data");
  const sockets = join(base, "sockets");
  const user = await lowerUser();
  for (const directory of [data, sockets]) await mkdir(directory, { mode: 0o700 });
  if (user !== undefined)
    for (const directory of [base, data, sockets]) await chown(directory, user.uid, user.gid);
  const as = (program: string, parameters: readonly string[]): [string, string[]] => {
    const path = join(binaries, program);
    if (user === undefined) return [path, [...parameters]];
    const lower = [`--reuid=${user.uid}`, `--regid=${user.gid}`, "--clear-groups"];
    return ["setpriv", [...lower, path, ...parameters]];
  };

  await run(
    ...as("initdb", ["-D", data, "-U", "nevertwice", "-A", "trust", "-E", "UTF8", "--no-locale"]),
    { cwd: base },
  );
  const port = await freePort();
  const settings = [
    `listen_addresses=127.0.0.1`,
    `port=${port}`,
    "fsync=on",
    "max_connections=200",
  ];
  const server = spawn(
    ...as("postgres", ["-D", data, "-k", sockets, ...settings.flatMap((text) => ["-c", text])]),
    { cwd: base, stdio: "ignore" },
  );
  const stop = stopper(server, base);
  const url = `postgres://nevertwice@127.0.0.1:${port}/postgres`;
  try {
    await answers(url, data, server);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, stop };
}

/** Postgres refuses to run as root. */
export async function lowerUser(): Promise<{ uid: number; gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const idOf = async (flag: string): Promise<number> =>
    Number((await run("id", [flag, "postgres"])).stdout.trim());
  return { uid: await idOf("-u"), gid: await idOf("-g") };
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}

/** Waits until this very server answers: another one may have taken the port. */
async function answers(url: string, data: string, server: ChildProcess): Promise<void> {
  const end = performance.now() + START_MS;
  for (;;) {
    if (server.exitCode !== null) throw new Error(`PostgreSQL ended with ${server.exitCode}.`);
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1_000 });
    client.on("error", () => {});
    try {
      await client.connect();
      const { rows } = await client.query<{ data_directory: string }>("SHOW data_directory");
      if (rows[0]?.data_directory === data) return;
      throw new Error("Another PostgreSQL answers on the port.");
    } catch (error) {
      if (performance.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    } finally {
      await client.end().catch(() => {});
    }
  }
}

/** Stops the server by its process, also when this process ends without asking. */
function stopper(server: ChildProcess, base: string): () => Promise<void> {
  const ended = new Promise<void>((resolve) => server.once("exit", () => resolve()));
  const kill = (): void => void server.kill("SIGINT");
  const killAndEnd = (): void => {
    kill();
    process.exit(1);
  };
  process.once("exit", kill);
  process.once("SIGTERM", killAndEnd);
  process.once("SIGINT", killAndEnd);
  return async () => {
    process.off("exit", kill);
    process.off("SIGTERM", killAndEnd);
    process.off("SIGINT", killAndEnd);
    if (server.exitCode === null && server.signalCode === null) {
      // SIGINT is Postgres's fast shutdown: it ends sessions and writes a checkpoint.
      kill();
      await ended;
    }
    await rm(base, { recursive: true, force: true });
  };
}

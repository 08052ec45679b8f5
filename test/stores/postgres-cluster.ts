import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chown, mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { findBinaries, freePort, lowerUser } from "../../scripts/servers.ts";

const run = promisify(execFile);
const PROGRAMS = ["initdb", "postgres", "pg_basebackup"];
const START_MS = 30_000;

/** One server of a cluster of the test's own. */
export interface Member {
  readonly url: string;
  /** One statement, and what its first row says. */
  ask<T>(sql: string): Promise<T | undefined>;
  /** Without a farewell, as a machine that lost its power. */
  crash(): Promise<void>;
  /** SIGKILL for the server and all of its sessions at once. */
  kill(): Promise<void>;
  /** The same server again, over what its disk holds. */
  restart(): Promise<void>;
  /** Waits until it answers, and starts it where it has ended by itself. */
  recover(): Promise<"by itself" | "restarted">;
}

export interface Cluster {
  readonly primary: Member;
  /** Copies the primary, and follows it. */
  standby(): Promise<Member>;
  close(): Promise<void>;
}

export interface ClusterOptions {
  /** Off by default, which saves time. */
  readonly fsync?: "on" | "off";
  /** What the servers, and nothing else, are given of an environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly settings?: readonly string[];
  /** The directory that holds the data. */
  readonly under?: string;
}

/** A primary that can be copied, or why there is none. */
export async function openCluster({
  fsync = "off",
  env = {},
  settings: more = [],
  under = tmpdir(),
}: ClusterOptions = {}): Promise<Cluster | { readonly skip: string }> {
  const binaries = await findBinaries();
  const found: string[] = binaries === undefined ? [] : await readdir(binaries);
  const missing = PROGRAMS.filter((program) => !found.includes(program));
  if (binaries === undefined || missing.length > 0)
    return { skip: `no ${missing.join(", ")} for a cluster of the test's own` };
  const postgres = resolve(binaries, "postgres");
  const user = await lowerUser();
  const base = await mkdtemp(join(under, "nevertwice-cluster-"));
  if (user !== undefined) await chown(base, user.uid, user.gid);
  const as = (program: string, parameters: readonly string[]): [string, string[]] => {
    const path = resolve(binaries, program);
    if (user === undefined) return [path, [...parameters]];
    const lower = [`--reuid=${user.uid}`, `--regid=${user.gid}`, "--clear-groups"];
    return ["setpriv", [...lower, path, ...parameters]];
  };
  const processes: ChildProcess[] = [];
  const kill = (): void => {
    for (const each of processes) each.kill("SIGQUIT");
  };
  process.once("exit", kill);

  async function start(name: string): Promise<Member> {
    const data = join(base, name);
    const sockets = join(base, `${name}-sockets`);
    await mkdir(sockets, { mode: 0o700 });
    if (user !== undefined) await chown(sockets, user.uid, user.gid);
    const port = await freePort();
    const settings = ["listen_addresses=127.0.0.1", `port=${port}`, `fsync=${fsync}`, ...more];
    const parameters = ["-D", data, "-k", sockets, ...settings.flatMap((text) => ["-c", text])];
    const serve = async (url: string): Promise<ChildProcess> => {
      // Set by the lower user, who owns what a preloaded library makes.
      const given = Object.entries(env).map(([name, value]) => `${name}=${value}`);
      const server = spawn(...as("/usr/bin/env", [...given, postgres, ...parameters]), {
        cwd: base,
        stdio: "ignore",
      });
      processes.push(server);
      await isUp(url, server);
      return server;
    };
    return memberOf(`postgres://nevertwice@127.0.0.1:${port}/postgres`, serve);
  }

  const initial = ["-U", "nevertwice", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"];
  await run(...as("initdb", ["-D", join(base, "primary"), ...initial]), { cwd: base });
  const primary = await start("primary");
  return {
    primary,
    async standby() {
      const copy = ["-D", join(base, "standby"), "-d", primary.url, "-R", "-X", "stream"];
      await run(...as("pg_basebackup", [...copy, "-c", "fast", "--no-sync"]), { cwd: base });
      return start("standby");
    },
    async close() {
      process.off("exit", kill);
      for (const each of processes) await ended(each);
      await rm(base, { recursive: true, force: true });
    },
  };
}

async function memberOf(
  url: string,
  serve: (url: string) => Promise<ChildProcess>,
): Promise<Member> {
  let server = await serve(url);
  return {
    url,
    ask: (sql) => ask(url, sql),
    crash: () => ended(server),
    kill: () => killed(server),
    async restart() {
      server = await serve(url);
    },
    async recover() {
      // A server that ends while it is waited for is one that cannot mend itself.
      const mended = await isUp(url, server).then(
        () => true,
        () => false,
      );
      if (!mended) server = await serve(url);
      return mended ? "by itself" : "restarted";
    },
  };
}

async function ask<T>(url: string, sql: string): Promise<T | undefined> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1_000 });
  client.on("error", () => {});
  try {
    await client.connect();
    const { rows } = await client.query({ text: sql, rowMode: "array" });
    return rows[0]?.[0] as T | undefined;
  } finally {
    await client.end().catch(() => {});
  }
}

/** The sessions die with the server, before any of them can tell its client anything. */
async function killed(server: ChildProcess): Promise<void> {
  const { pid } = server;
  if (pid === undefined) return;
  const exit = once(server, "exit");
  // A stopped server starts no session while its sessions are counted.
  server.kill("SIGSTOP");
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  for (const child of children.trim().split(" ").filter(Boolean))
    process.kill(Number(child), "SIGKILL");
  server.kill("SIGKILL");
  await exit;
}

/** Postgres's immediate shutdown: no session is waited for, and no checkpoint written. */
async function ended(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const exit = once(server, "exit");
  server.kill("SIGQUIT");
  await exit;
}

async function isUp(url: string, server: ChildProcess): Promise<void> {
  const end = performance.now() + START_MS;
  for (;;) {
    if (server.exitCode !== null) throw new Error(`PostgreSQL ended with ${server.exitCode}.`);
    try {
      await ask(url, "SELECT 1");
      return;
    } catch (error) {
      if (performance.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** Asks a member until it says yes. */
export async function untilYes(member: Member, condition: string): Promise<void> {
  const end = performance.now() + START_MS;
  while (!(await member.ask<boolean>(`SELECT ${condition}`)))
    if (performance.now() > end) throw new Error(`still not: ${condition}`);
}

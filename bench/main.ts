import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startServers } from "../scripts/servers.ts";
import { type Figures, press } from "./load.ts";

interface Cell extends Figures {
  /** CPU time of the server's process for one request, in microseconds. */
  readonly cpuMicroseconds: number;
}

/** The first of a pair is the line, the second is ours. */
const PAIRS = [
  {
    title: "Postgres, one order row, first time",
    names: ["hand-written, pg", "nevertwice, pg"],
    requests: 1_500,
  },
  {
    title: "SQLite, one order row, first time",
    names: ["hand-written, sqlite", "nevertwice, sqlite"],
    requests: 1_500,
  },
  {
    title: "Express and the middleware, memory",
    names: ["express", "express + nevertwice (memory)"],
    requests: 6_000,
  },
] as const;
const CONCURRENCIES = [1, 32];
const ROUNDS = 3;
const WARM_UP = 8_000;

const directory = await mkdtemp(join(tmpdir(), "nevertwice-bench-"));
const servers = await startServers();
const only = process.argv[2];
try {
  for (const { title, names, requests } of PAIRS) {
    if (only !== undefined && !title.toLowerCase().includes(only)) continue;
    console.log(
      `\n${title} (${requests} requests a cell, medians of ${ROUNDS} interleaved rounds)\n`,
    );
    console.log(
      "| application | c | requests/s | p50 ms | p99 ms | CPU us/request |\n|---|---|---|---|---|---|",
    );
    for (const concurrency of CONCURRENCIES) await compare(names, concurrency, requests);
  }
} finally {
  await servers.stop();
  await rm(directory, { recursive: true, force: true });
}

async function compare(
  names: readonly [string, string],
  concurrency: number,
  requests: number,
): Promise<void> {
  const cells = new Map<string, Cell[]>(names.map((name) => [name, []]));
  const count = concurrency === 1 ? Math.ceil(requests / 3) : requests;
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const name of names) cells.get(name)?.push(await measure(name, concurrency, count));
  }
  const [line, ours] = names.map((name) => median(cells.get(name) ?? []));
  if (line === undefined || ours === undefined) return;
  for (const [index, cell] of [line, ours].entries()) {
    const { perSecond, p50Ms, p99Ms, cpuMicroseconds } = cell;
    const figures = [
      perSecond.toFixed(0),
      p50Ms.toFixed(2),
      p99Ms.toFixed(2),
      cpuMicroseconds.toFixed(0),
    ];
    console.log(`| ${names[index]} | ${concurrency} | ${figures.join(" | ")} |`);
  }
  const ratio = (ours.perSecond / line.perSecond).toFixed(2);
  const extra = (ours.cpuMicroseconds - line.cpuMicroseconds).toFixed(0);
  console.log(`| **ratio** | ${concurrency} | **${ratio}** | | | ${extra} more |`);
}

async function measure(name: string, concurrency: number, requests: number): Promise<Cell> {
  const child = fork(new URL("./server-process.ts", import.meta.url), [name, databaseOf(name)]);
  try {
    const [{ port }] = (await once(child, "message")) as [{ port: number }];
    const load = { port, path: "/orders", concurrency };
    // A short run would measure the compiler at work, which a service meets once.
    await press(
      { ...load, concurrency: 32, requests: WARM_UP },
      `${process.pid}-${child.pid}-warm`,
    );
    const before = await cpuOf(child);
    const figures = await press({ ...load, requests }, `${process.pid}-${child.pid}`);
    return { ...figures, cpuMicroseconds: ((await cpuOf(child)) - before) / requests };
  } finally {
    child.disconnect();
    await once(child, "exit");
  }
}

function databaseOf(name: string): string {
  if (name.includes("sqlite")) return join(directory, `${name.replaceAll(/\W+/g, "-")}.db`);
  return servers.env["NEVERTWICE_TEST_POSTGRES_URL"] ?? "";
}

async function cpuOf(child: ChildProcess): Promise<number> {
  child.send("cpu");
  const [{ cpuMicroseconds }] = (await once(child, "message")) as [{ cpuMicroseconds: number }];
  return cpuMicroseconds;
}

function median(cells: readonly Cell[]): Cell | undefined {
  return cells.toSorted((one, other) => one.perSecond - other.perSecond)[
    Math.floor(cells.length / 2)
  ];
}

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

interface Comparison {
  readonly title: string;
  /** The line, and what is measured against it. */
  readonly names: readonly [string, string, ...string[]];
  readonly requests: number;
  /**
   * A service meets the compiler once, so it is let finish: half of what a request costs after
   * 8,000 others is gone after 60,000.
   */
  readonly warmUp: number;
}

const COMPARISONS: readonly Comparison[] = [
  {
    title: "Postgres, one order row, first time",
    names: [
      "hand-written, pg",
      "nevertwice, pg",
      "nevertwice with a plan, pg",
      "hand-written in one transaction, pg",
    ],
    requests: 3_000,
    warmUp: 20_000,
  },
  {
    title: "SQLite, one order row, first time",
    names: ["hand-written, sqlite", "nevertwice, sqlite", "nevertwice with a plan, sqlite"],
    requests: 3_000,
    warmUp: 20_000,
  },
  {
    title: "Express and the middleware, memory",
    names: ["express", "express + nevertwice (memory)"],
    requests: 12_000,
    warmUp: 60_000,
  },
];
const CONCURRENCIES = [1, 32];
const ROUNDS = 3;

const directory = await mkdtemp(join(tmpdir(), "nevertwice-bench-"));
const servers = await startServers();
const only = process.argv[2];
try {
  for (const comparison of COMPARISONS) {
    const { title, requests } = comparison;
    if (only !== undefined && !title.toLowerCase().includes(only)) continue;
    console.log(
      `\n${title} (${requests} requests a cell, medians of ${ROUNDS} interleaved rounds)\n`,
    );
    console.log(
      "| application | c | requests/s | ratio | p50 ms | p99 ms | CPU us/request | more |\n|---|---|---|---|---|---|---|---|",
    );
    for (const concurrency of CONCURRENCIES) await compare(comparison, concurrency);
  }
} finally {
  await servers.stop();
  await rm(directory, { recursive: true, force: true });
}

async function compare(
  { names, requests, warmUp }: Comparison,
  concurrency: number,
): Promise<void> {
  const cells = new Map<string, Cell[]>(names.map((name) => [name, []]));
  const count = concurrency === 1 ? Math.ceil(requests / 3) : requests;
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const name of names)
      cells.get(name)?.push(await measure(name, concurrency, count, warmUp));
  }
  const medians = names.map((name) => median(cells.get(name) ?? []));
  const [line] = medians;
  if (line === undefined) return;
  for (const [index, cell] of medians.entries()) {
    if (cell === undefined) continue;
    const figures = [
      cell.perSecond.toFixed(0),
      `**${(cell.perSecond / line.perSecond).toFixed(2)}**`,
      cell.p50Ms.toFixed(2),
      cell.p99Ms.toFixed(2),
      cell.cpuMicroseconds.toFixed(0),
      (cell.cpuMicroseconds - line.cpuMicroseconds).toFixed(0),
    ];
    console.log(`| ${names[index]} | ${concurrency} | ${figures.join(" | ")} |`);
  }
}

async function measure(
  name: string,
  concurrency: number,
  requests: number,
  warmUp: number,
): Promise<Cell> {
  const child = fork(new URL("./server-process.ts", import.meta.url), [name, databaseOf(name)]);
  try {
    const [{ port }] = (await once(child, "message")) as [{ port: number }];
    const load = { port, path: "/orders", concurrency };
    await press({ ...load, concurrency: 32, requests: warmUp }, `${process.pid}-${child.pid}-warm`);
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

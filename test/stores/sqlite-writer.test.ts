import assert from "node:assert/strict";
import type { DatabaseSync } from "node:sqlite";
import { type TestContext, test } from "node:test";
import { systemRandom } from "../../src/index.ts";
import type { Answer } from "../../src/store.ts";
import { type Connection, connectionOf } from "../../src/stores/sqlite/client.ts";
import { markOf } from "../../src/stores/sqlite/mark.ts";
import { type Writer, writerOf } from "../../src/stores/sqlite/writer.ts";
import { settleTurn } from "../core/acquirer.ts";
import { type HandClock, handClock } from "../core/hand-clock.ts";
import { nodeFile } from "./sqlite-files.ts";

const WAIT_MS = 100;

interface Bench {
  readonly db: DatabaseSync;
  /** Another connection to the same file. */
  readonly other: DatabaseSync;
  readonly connection: Connection;
  readonly clock: HandClock & { now: number };
  /** What ended or began a transaction, each with the time that had passed. */
  readonly log: string[];
  readonly writer: Writer;
  secure: () => void;
  add(id: number, then?: () => void): Promise<Answer<number>>;
  rows(): number;
}

/** A writer over a real file, whose time passes only when a test says so. */
function bench(context: TestContext): Bench {
  const file = nodeFile();
  context.after(() => file.close());
  const [db, other] = [file.connect(), file.connect()];
  db.exec("PRAGMA journal_mode=DELETE; PRAGMA busy_timeout=0; PRAGMA foreign_keys=ON");
  db.exec("CREATE TABLE parent (id INTEGER PRIMARY KEY)");
  db.exec(`CREATE TABLE row (id INTEGER PRIMARY KEY, parent INTEGER
    REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)`);
  const hand = handClock();
  const start = hand.monotonic();
  // A work may take time of its own.
  const clock = Object.assign(hand, { now: 0 });
  const monotonic = hand.monotonic;
  clock.monotonic = () => monotonic() + clock.now;
  const log: string[] = [];
  const plain = connectionOf(db, { ms: 0 });
  const connection: Connection = {
    ...plain,
    exec(sql) {
      log.push(`${sql} at ${clock.monotonic() - start}`);
      plain.exec(sql);
    },
  };
  const random = { ...systemRandom, fraction: () => 1 };
  const own: Bench = {
    ...{ db, other, connection, clock, log },
    secure: () => undefined,
    writer: writerOf({
      ...{ connection, clock, random, waitMs: WAIT_MS, savepoint: "point" },
      mark: markOf(connection, "point"),
      secure: () => own.secure(),
    }),
    add: (id, then = () => undefined) =>
      own.writer.write(() => {
        const value = plain.run("INSERT INTO row (id) VALUES (@id)", { id });
        then();
        return { value, keep: true };
      }),
    rows: () => Number(db.prepare("SELECT count(*) AS n FROM row").get()?.["n"]),
  };
  return own;
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

function commits(log: readonly string[]): number {
  return log.filter((line) => line.startsWith("COMMIT")).length;
}

test("one commit pays for 256 works, and the next ones follow in another", async (context) => {
  const { add, log, rows } = bench(context);
  const answers = await Promise.all(numbers(513).map((id) => add(id)));
  assert.ok(answers.every(({ kind }) => kind === "ok"));
  assert.equal(rows(), 513);
  assert.equal(commits(log), 3);
});

test("a batch that has held the loop for ten milliseconds ends there", async (context) => {
  const { add, clock, log } = bench(context);
  const taking = (ms: number) => (): void => {
    clock.now += ms;
  };
  await Promise.all([add(1, taking(9)), add(2, taking(1)), add(3), add(4)]);
  assert.deepEqual(log, [
    ...["BEGIN IMMEDIATE at 0", "COMMIT at 10"],
    ...["BEGIN IMMEDIATE at 10", "COMMIT at 10"],
  ]);
});

test("the loop gets its turn between two batches", async (context) => {
  const { add } = bench(context);
  const order: string[] = [];
  const all = numbers(257).map((id) =>
    add(id, () => void setImmediate(() => order.push(`turn ${id}`))).then(() =>
      order.push(`answer ${id}`),
    ),
  );
  await Promise.all(all);
  assert.ok(order.indexOf("turn 1") < order.indexOf("answer 257"));
});

test("while another process holds the file, works wait ever longer, then go", async (context) => {
  const { add, clock, log, other, rows } = bench(context);
  other.exec("BEGIN IMMEDIATE");
  const first = add(1);
  await clock.pass(50);
  const late = add(2);
  assert.deepEqual(
    log.map((line) => Number(line.split(" ").at(-1))),
    [0, 1, 3, 7, 15, 31, 47],
  );
  other.exec("COMMIT");
  await clock.pass(16);
  assert.equal((await first).kind, "ok");
  assert.equal((await late).kind, "ok");
  assert.equal(rows(), 2);
  assert.equal(commits(log), 1);
  // What was held up once does not make the next one wait.
  log.length = 0;
  other.exec("BEGIN IMMEDIATE");
  const next = add(3);
  await clock.pass(2);
  other.exec("COMMIT");
  await clock.pass(1);
  assert.equal((await next).kind, "ok");
});

test("who has waited long enough is told, and who came later is not", async (context) => {
  const { add, clock, other, rows } = bench(context);
  other.exec("BEGIN IMMEDIATE");
  const early = add(1);
  await clock.pass(60);
  const later = add(2);
  await clock.pass(WAIT_MS - 60 + 16);
  const answer = await early;
  assert.ok(answer.kind === "not-applied" && answer.again);
  assert.match(String(answer.error), /database is locked/);
  other.exec("COMMIT");
  await clock.pass(16);
  assert.equal((await later).kind, "ok");
  assert.equal(rows(), 1);
});

test("what makes no commit durable is told to all at once, and the next call tries", async (context) => {
  const own = bench(context);
  own.secure = () => {
    throw new Error("synchronous is off");
  };
  const answers = await Promise.all([own.add(1), own.add(2)]);
  for (const answer of answers) {
    assert.ok(answer.kind === "not-applied" && !answer.again);
    assert.match(String(answer.error), /synchronous is off/);
  }
  assert.equal(own.clock.pending, 0);
  own.secure = () => undefined;
  assert.equal((await own.add(3)).kind, "ok");
  assert.equal(own.rows(), 1);
});

test("works whose commit fails together run one by one, and those after them together", async (context) => {
  const { add, connection, log, rows, writer } = bench(context);
  const orphan = writer.write<unknown>(() => {
    const value = connection.run("INSERT INTO row VALUES (99, 7)");
    return { value, keep: true };
  }, true);
  const first: Promise<Answer<unknown>>[] = [add(1), orphan, add(2)];
  await settleTurn();
  const rest = numbers(5).map((id) => add(id + 10));
  const [before, failed, after] = await Promise.all(first);
  assert.deepEqual([before, after], Array(2).fill({ kind: "ok", value: 1 }));
  assert.ok(failed?.kind === "ok");
  assert.match(String((failed.value as { error?: unknown }).error), /FOREIGN KEY/);
  await Promise.all(rest);
  assert.equal(rows(), 7);
  // Three together, each of them alone, and the rest together.
  assert.equal(commits(log), 5);
});

test("a read waits for the file like a write, and no longer than it may", async (context) => {
  const { clock, db, log, other, writer } = bench(context);
  const read = (): Promise<Answer<unknown>> =>
    writer.read(() => db.prepare("SELECT count(*) AS n FROM row").get()?.["n"]);
  assert.deepEqual(await read(), { kind: "ok", value: 0 });
  other.exec("BEGIN EXCLUSIVE");
  log.length = 0;
  const patient = read();
  await clock.pass(40);
  assert.deepEqual(
    log.map((line) => Number(line.split(" ").at(-1))),
    [0, 1, 3, 7, 15, 31],
  );
  other.exec("COMMIT");
  await clock.pass(16);
  assert.deepEqual(await patient, { kind: "ok", value: 0 });
  other.exec("BEGIN EXCLUSIVE");
  const late = read();
  await clock.pass(WAIT_MS + 16);
  const answer = await late;
  assert.ok(answer.kind === "not-applied" && answer.again);
  assert.equal(clock.pending, 0);
});

test("a read that fails for good leaves no transaction behind", async (context) => {
  const { add, clock, db, writer } = bench(context);
  const answer = await writer.read(() => db.prepare("SELECT * FROM nowhere").get());
  assert.ok(answer.kind === "not-applied" && !answer.again);
  assert.equal(clock.pending, 0);
  assert.equal((await add(1)).kind, "ok");
});

test("idle means that every work has its answer", async (context) => {
  const { add, writer } = bench(context);
  await writer.idle();
  let answered = 0;
  const works = numbers(300).map((id) => add(id).then(() => (answered += 1)));
  await writer.idle();
  assert.equal(answered, 300);
  await Promise.all(works);
});

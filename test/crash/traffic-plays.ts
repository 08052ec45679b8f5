import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Books, openBooks } from "./books.ts";
import type { Kill } from "./kill-points.ts";
import { endProcess, startProcess, TRAFFIC } from "./processes.ts";
import type { TrafficAnswer, TrafficOrder } from "./traffic-process.ts";

/** Past every lease of an object and of a message. */
const PAST_LEASE_MS = 600_000;
const CALLS_MAX = 40;
const DELIVERIES = 1_000;
const SIDES = ["before", "after"] as const;
/** What each play meets; none of these may be missing. */
const DELIVER = ["inbox.accept"];
const INLINE = ["inbox.acceptHandled", "inside inbox.acceptHandled"];
const WORK = [
  ...["inbox.claim", "read", "inbox.handle", "inside inbox.handle", "outbox.claim"],
  ...["send receipt", "send notice", "outbox.end"],
];

interface Ground {
  readonly books: Books;
  /** Lets a process of its own carry the order out; undefined if it was killed. */
  carryOut(order: TrafficOrder): Promise<TrafficAnswer | undefined>;
  survivor(order: TrafficOrder): Promise<void>;
  /** What arrived of a topic for a key: the ids of the messages. */
  letters(topic: string, key: string): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** Every kill of events that come in and of messages that go out, on one database. */
export function registerTraffic(name: string, open: () => Promise<string | undefined>): void {
  let ground: Ground;
  before(async () => {
    ground = await openGround(await open());
  });
  after(() => ground.close());
  for (const act of ["deliver", "deliver-inline"] as const)
    test(`${name}: two processes, ${DELIVERIES} deliveries of one event, one effect, ${act}`, () =>
      deliverToBoth(ground, act));
  for (const when of SIDES) {
    test(`${name}: a delivery, killed ${when} each call, is redelivered and handled once`, () =>
      killEach(ground, "deliver", when, DELIVER));
    test(`${name}: a delivery that is handled inline, killed ${when} each call`, () =>
      killEach(ground, "deliver-inline", when, INLINE));
    test(`${name}: a worker, killed ${when} each call, loses and doubles nothing`, () =>
      killEach(ground, "work", when, WORK));
  }
}

/** Two processes are told of one event again and again, at the same instant. */
async function deliverToBoth(ground: Ground, act: "deliver" | "deliver-inline"): Promise<void> {
  const id = `${act}-a-thousand-times`;
  const half: TrafficOrder = { act, id, times: DELIVERIES / 2, skewMs: 0 };
  const [answer] = await Promise.all([ground.carryOut(half), ground.survivor(half)]);
  assert.ok(answer);
  const pass: TrafficOrder = { act: "work", id, times: 2, skewMs: 0 };
  await Promise.all([ground.carryOut(pass), ground.survivor(pass)]);
  await ground.survivor(pass);
  await check(ground, id, `${act}, ${DELIVERIES} deliveries`);
  const listed = await ground.books.store.inbox?.list({ limit: 1_000 });
  const event = listed?.kind === "ok" ? listed.value.find(({ key }) => key === id) : undefined;
  assert.equal(event?.deliveries, DELIVERIES);
}

/** A kill at the first call, the second, and so on, until one run comes through alive. */
async function killEach(
  ground: Ground,
  act: TrafficOrder["act"],
  when: Kill["when"],
  points: readonly string[],
): Promise<void> {
  const again = act === "deliver-inline" ? act : "deliver";
  for (let at = 1; at < CALLS_MAX; at += 1) {
    const id = `${act}-${when}-${at}`;
    const kill = { at, when };
    // Only what is handled can be killed while it is.
    if (act === "work") await ground.survivor({ act: "deliver", id, skewMs: 0 });
    const answer = await ground.carryOut({ act, id, times: 2, kill, skewMs: 0 });
    // The provider sends again what it was not told to have arrived.
    if (act !== "work" && answer === undefined)
      await ground.survivor({ act: again, id, skewMs: PAST_LEASE_MS });
    await ground.survivor({ act: "work", id, times: 3, skewMs: PAST_LEASE_MS });
    await check(ground, id, `${act}, killed ${when} call ${at}`);
    if (answer === undefined) continue;
    const missing = points.filter((point) => !answer.calls.includes(point));
    assert.deepEqual(missing, [], "points that were never reached");
    return;
  }
  throw new Error(`${act} did not end within ${CALLS_MAX} calls.`);
}

/** One effect; one receipt, however often it was sent; and of the notice one, or a doubt. */
async function check({ books, letters }: Ground, key: string, place: string): Promise<void> {
  assert.equal((await books.orders(key)).length, 1, `effects, ${place}`);
  assert.equal(new Set(await letters("receipt", key)).size, 1, `receipts, ${place}`);
  const { outbox } = books.store;
  assert.ok(outbox);
  const listed = await outbox.list({ topic: "notice", limit: 1_000 });
  assert.ok(listed.kind === "ok");
  const { state } = listed.value.find((message) => message.key === key) ?? {};
  const arrived = (await letters("notice", key)).length;
  assert.ok(state === "sent" || state === "in_doubt", `the notice is ${state}, ${place}`);
  assert.ok(arrived <= 1, `notices, ${place}`);
  if (state === "sent") assert.equal(arrived, 1, `notices, ${place}`);
}

async function openGround(url: string | undefined): Promise<Ground> {
  const directory = await mkdtemp(join(tmpdir(), "nevertwice-traffic-"));
  const db = url ?? join(directory, "shop.db");
  const box = join(directory, "letters");
  await writeFile(box, "");
  const books = openBooks(db);
  await books.create();
  const start = (): Promise<ChildProcess> =>
    startProcess(TRAFFIC, [db, box]).then(({ child }) => child);
  const living = await start();
  return {
    books,
    async carryOut(order) {
      const child = await start();
      const answer = await ask(child, order);
      await endProcess(child);
      return answer;
    },
    async survivor(order) {
      assert.ok(await ask(living, order), "a process that nobody was to kill was killed");
    },
    async letters(topic, key) {
      const lines = (await readFile(box, "utf8")).split("\n");
      const start = `${topic} ${key} `;
      return lines.filter((line) => line.startsWith(start)).map((line) => line.slice(start.length));
    },
    async close() {
      await endProcess(living);
      await books.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function ask(child: ChildProcess, order: TrafficOrder): Promise<TrafficAnswer | undefined> {
  const over = new AbortController();
  const { signal } = over;
  const answered = once(child, "message", { signal }).then(([answer]) => answer as TrafficAnswer);
  const killed = once(child, "exit", { signal }).then(() => undefined);
  // The one that loses is told to stop listening.
  for (const each of [answered, killed]) each.catch(() => undefined);
  child.send(order);
  const answer = await Promise.race([answered, killed]);
  over.abort();
  return answer;
}

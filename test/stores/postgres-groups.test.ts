import assert from "node:assert/strict";
import { test } from "node:test";
import { grouped } from "../../src/stores/postgres/groups.ts";

async function turn(): Promise<void> {
  await new Promise((resolve) => void setImmediate(resolve));
}

test("a group has up to two hundred calls and four million characters, but at least one", async () => {
  const sent: (readonly number[])[] = [];
  const held: (() => void)[] = [];
  const add = grouped<number>({
    sizeOf: (size) => size,
    send(entries) {
      sent.push(entries);
      return new Promise((resolve) => void held.push(resolve));
    },
  });
  const next = async (): Promise<number[]> => {
    held.at(-1)?.();
    await turn();
    return [...(sent.at(-1) ?? [])];
  };
  add(9_000_000);
  assert.deepEqual(sent, [[9_000_000]]);
  for (const size of [5_000_000, 1, 3_999_999, 1, 2]) add(size);
  for (let count = 0; count < 250; count += 1) add(0);
  assert.deepEqual(await next(), [5_000_000]);
  assert.deepEqual(await next(), [1, 3_999_999]);
  assert.equal((await next()).length, 200);
  assert.equal((await next()).length, 52);
  held.at(-1)?.();
  await turn();
  add(3);
  assert.deepEqual(sent.at(-1), [3], "nothing is in flight any more");
});

test("as many groups are in flight at once as there are lanes", async () => {
  const sent: (readonly string[])[] = [];
  const add = grouped<string>({
    sizeOf: () => 1,
    send(entries) {
      sent.push(entries);
      return new Promise(() => {});
    },
    lanes: 2,
  });
  for (const entry of ["a", "b", "c"]) add(entry);
  assert.deepEqual(sent, [["a"], ["b"]]);
});

/** Groups that may be overtaken, whose answers and whose time the test has in its hands. */
function road(most: number) {
  const sent: string[] = [];
  const ends = new Map<string, () => void>();
  const timers = new Map<() => void, number>();
  const add = grouped<string>({
    sizeOf: () => 1,
    send(entries) {
      const group = entries.join("");
      sent.push(group);
      return new Promise((resolve) => void ends.set(group, resolve));
    },
    overtaking: {
      afterMs: 100,
      most,
      clock: {
        timer(ms, fire) {
          timers.set(fire, ms);
          return () => void timers.delete(fire);
        },
      },
    },
  });
  return {
    sent,
    timers,
    add: (entries: string) => {
      for (const entry of entries) add(entry);
    },
    end: (group: string) => {
      ends.get(group)?.();
      return turn();
    },
    /** What is in flight takes long. */
    late: () => {
      const due = [...timers.keys()];
      timers.clear();
      for (const fire of due) fire();
    },
  };
}

test("who waits behind a group that takes long overtakes it", async () => {
  const { sent, timers, add, end, late } = road(1);
  add("abc");
  assert.deepEqual([sent, [...timers.values()]], [["a"], [100]]);
  late();
  assert.deepEqual(sent, ["a", "bc"]);
  add("d");
  assert.deepEqual(sent, ["a", "bc"], "one lane is free of the slow one, and it is taken");
  await end("bc");
  assert.deepEqual(sent, ["a", "bc", "d"]);
  await end("d");
  assert.equal(timers.size, 0, "no timer stays behind");
  await end("a");
  add("e");
  add("f");
  assert.deepEqual(sent, ["a", "bc", "d", "e"], "there is one lane again");
  await end("e");
  assert.deepEqual(sent, ["a", "bc", "d", "e", "f"]);
});

test("who comes when only slow ones are in flight leaves at once", async () => {
  const { sent, add, end, late } = road(1);
  add("a");
  late();
  assert.deepEqual(sent, ["a"]);
  add("b");
  assert.deepEqual(sent, ["a", "b"]);
  await end("a");
  add("c");
  assert.deepEqual(sent, ["a", "b"], "the slow one gave its lane away before");
  await end("b");
  assert.deepEqual(sent, ["a", "b", "c"]);
});

test("only so many are overtaken at once", async () => {
  const { sent, add, end, late } = road(2);
  // Those that end in time change nothing.
  for (const group of ["x", "y", "z"]) {
    add(group);
    await end(group);
  }
  sent.length = 0;
  add("ab");
  late();
  add("c");
  late();
  add("d");
  late();
  assert.deepEqual(sent, ["a", "b", "c"], "the third slow one is waited for");
  await end("c");
  assert.deepEqual(sent, ["a", "b", "c", "d"]);
  await end("a");
  late();
  add("e");
  assert.deepEqual(sent, ["a", "b", "c", "d", "e"], "one of them has ended");
});

import assert from "node:assert/strict";
import { after } from "node:test";
import type pg from "pg";
import { type PgPool, pgClient } from "../../src/stores/postgres/pg.ts";
import { type PostgresPool, postgresStore } from "../../src/stores/postgres/store.ts";
import {
  answered,
  claimed,
  claimOf,
  recordWrite,
  settlementOf,
} from "../../src/verify/cases/sample.ts";
import { over, quietPool, stopServer } from "./postgres-bench.ts";

after(stopServer);

/** The pool with clients of which some members look different. */
function disguised(pool: pg.Pool, members: (client: pg.PoolClient) => object): PgPool {
  const known = new WeakMap<pg.PoolClient, object>();
  return {
    get totalCount() {
      return pool.totalCount;
    },
    options: pool.options,
    async connect() {
      const client = await pool.connect();
      const shown = known.get(client) ?? disguise(client, members(client));
      known.set(client, shown);
      return shown;
    },
  };
}

function disguise(client: object, members: object): object {
  return new Proxy(client, {
    get(target, name) {
      if (name in members) return Reflect.get(members, name);
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

const LIMITED = {
  "the native client, which shows no connection": { connection: undefined },
  "a client that pipelines": { pipeline: true },
};

for (const [name, members] of Object.entries(LIMITED))
  over(`pg: ${name} takes only its own queries`, async ({ pool }) => {
    let foreign = 0;
    const shown = disguised(pool, (client) => ({
      ...members,
      query(query: pg.QueryConfig) {
        if (!("text" in query)) foreign += 1;
        return client.query(query);
      },
    }));
    const store = postgresStore(shown as PostgresPool);
    const { record } = await claimed(store, claimOf("k"));
    const work = async () => ({ write: recordWrite("reserve"), value: 1 });
    assert.equal(answered(await store.transact(record, work)).kind, "committed");
    for (const kind of ["succeeded", "failed"] as const) {
      const settlement = settlementOf({ kind, status: 402 });
      const request = claimOf(kind, { form: "atomic" });
      const answer = answered(await store.atomic(request, () => ({ settlement, value: 1 })));
      assert.equal(answer.kind, "committed");
      assert.equal(answered(await store.read(request.id))?.record.state, kind);
    }
    assert.equal(answered(await store.settle(record, settlementOf())), "done");
    assert.equal(foreign, 0);
    await store.close();
  });

over("pg: statements are prepared by name only where that is asked for", async ({ url }) => {
  const pool = quietPool(url, { max: 1 });
  const names = async (): Promise<string[]> => {
    const sql = "SELECT name FROM pg_prepared_statements WHERE name <> '' ORDER BY name";
    return (await pool.query<{ name: string }>(sql)).rows.map((row) => row.name);
  };
  const ask = async (prepare?: boolean): Promise<void> => {
    const store = postgresStore(pool, prepare === undefined ? {} : { prepare });
    await claimed(store, claimOf(`k-${prepare}`));
    for (let count = 0; count < 2; count += 1) answered(await store.read(claimOf("k").id));
    await store.close();
  };
  await ask();
  await ask(false);
  assert.deepEqual(await names(), []);
  await ask(true);
  const prepared = await names();
  assert.equal(prepared.length, 2, "one for each text");
  for (const name of prepared) assert.match(name, /^nevertwice_[0-9a-f]{32}$/);
  await postgresStore(pool, { prepare: true }).read(claimOf("k").id);
  assert.deepEqual(await names(), prepared, "another store over the pool has the same names");
  await pool.end();
});

over("pg: a pool of one has no connection to spare for leases", async ({ url }) => {
  for (const max of [1, 2]) {
    const pool = quietPool(url, { max });
    const store = postgresStore(pool);
    assert.equal(store.capabilities.separateLeases, max > 1);
    const { record } = await claimed(store, claimOf(`k-${max}`));
    assert.equal(answered(await store.renew(record, 20_000)), "done");
    await store.close();
    await pool.end();
  }
});

const OWNER = `SELECT owner IS NOT NULL AS owned FROM nevertwice_operation
  WHERE encode(id, 'hex') = $1`;

over("pg: a socket that shows not all of its ends proves nothing", async ({ pool }) => {
  const ends = ["localAddress", "localPort", "remoteAddress", "remotePort"];
  for (const hidden of [...ends, ""]) {
    const asked = Promise.withResolvers<void>();
    const shown = disguised(pool, (client) => {
      const { connection } = client as unknown as { connection: { stream: object } };
      const seen = disguise(connection.stream, { [hidden]: undefined });
      const members = {
        get stream() {
          asked.resolve();
          return seen;
        },
      };
      return { connection: disguise(connection, members) };
    });
    const store = postgresStore(shown as PostgresPool);
    const { record } = await claimed(store, claimOf(`k-${hidden}`));
    await asked.promise;
    // The session is asked one thing at a time, and the second renewal names what the first met.
    for (let count = 0; count < 2; count += 1) answered(await store.renew(record, 20_000));
    const { noticesDeath } = store.capabilities;
    const { rows } = await pool.query(OWNER, [record.id]);
    await store.close();
    assert.deepEqual([noticesDeath, rows], [hidden === "", [{ owned: hidden === "" }]], hidden);
  }
});

over("pg: a session is given back once, and is deaf from then on", async ({ url, pool }) => {
  const own = quietPool(url, { max: 1 });
  const client = pgClient(own, false);
  const lost: Error[] = [];
  const first = await client.acquire();
  first.onLost((error) => void lost.push(error));
  first.release();
  first.release();
  first.destroy();
  const second = await client.acquire();
  assert.equal(own.totalCount, 1, "the connection was kept");
  const ended = new Promise<void>((resolve) =>
    (second.tx as pg.PoolClient).once("end", () => resolve()),
  );
  const [row] = await second.query("SELECT pg_backend_pid()::text", []);
  await pool.query("SELECT pg_terminate_backend($1)", [row?.[0]]);
  await ended;
  assert.equal(lost.length, 0);
  second.onLost((error) => void lost.push(error));
  assert.equal(lost.length, 1, "who asks late is told at once");
  second.destroy();
  await own.end();
});

over("pg: listeners do not pile up, however often a connection is used", async ({ url }) => {
  const pool = quietPool(url, { max: 1 });
  const stores = [postgresStore(pool), postgresStore(pool)];
  const before = pool.listenerCount("connect");
  const read = async (): Promise<void> => {
    for (const store of stores) answered(await store.read(claimOf("k").id));
  };
  await read();
  const client = await pool.connect();
  const count = () => [client.listenerCount("error"), client.listenerCount("end")];
  const [errors, ends] = count();
  client.release();
  for (let round = 0; round < 3; round += 1) await read();
  assert.deepEqual(count().at(1), ends);
  assert.ok((count()[0] ?? 0) <= (errors ?? 0) + 1);
  postgresStore(pool);
  assert.equal(pool.listenerCount("connect"), before);
  await pool.end();
});

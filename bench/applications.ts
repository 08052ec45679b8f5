import { DatabaseSync } from "node:sqlite";
import express, { type Express } from "express";
import pg from "pg";
import { z } from "zod";
import { protect } from "../src/http/express.ts";
import { nevertwice, ok, type Store } from "../src/index.ts";
import { memoryStore } from "../src/stores/memory/store.ts";
import { postgresStore } from "../src/stores/postgres/store.ts";
import { sqliteStore } from "../src/stores/sqlite/store.ts";

const Order = z.object({
  cartId: z.string(),
  amount: z.int(),
  currency: z.string(),
  note: z.string(),
});
const ACCOUNT = "acct_1";
const scope = (): string => ACCOUNT;

/** Every application answers the same request with the same body, after the same durable work. */
export const APPLICATIONS: Readonly<Record<string, (db: string) => Promise<Express>>> = {
  express: bare,
  "express + nevertwice (memory)": wrapped,
  "hand-written, pg": handPostgres,
  "hand-written in one transaction, pg": handTransaction,
  "nevertwice, pg": oursPostgres,
  "nevertwice with a plan, pg": plannedPostgres,
  "hand-written, sqlite": handSqlite,
  "nevertwice, sqlite": oursSqlite,
  "nevertwice with a plan, sqlite": plannedSqlite,
};

async function bare(): Promise<Express> {
  const app = express().disable("x-powered-by").use(express.json());
  return app.post("/orders", (request, response) => {
    response.status(201).json({ orderId: "order_1", amount: request.body.amount });
  });
}

async function wrapped(): Promise<Express> {
  const once = nevertwice({ store: memoryStore() });
  const app = express().disable("x-powered-by").use(express.json());
  app.use(protect(once, { name: "orders", scope, afterCrash: "doubt" }));
  return app.post("/orders", (request, response) => {
    response.status(201).json({ orderId: "order_1", amount: request.body.amount });
  });
}

const HAND_TABLES = `
  create table if not exists hand_key (key text primary key, fingerprint text not null, status int, body text);
  create table if not exists hand_order (id text primary key, amount int not null)`;

/** Two statements, two commits: the pattern that is usually copied. */
async function handPostgres(db: string): Promise<Express> {
  const pool = new pg.Pool({ connectionString: db, max: 20 });
  await pool.query(HAND_TABLES);
  const app = express().disable("x-powered-by").use(express.json());
  return app.post("/orders", async (request, response) => {
    const key = String(request.headers["idempotency-key"]);
    const claim = "insert into hand_key (key, fingerprint) values ($1, $2) on conflict do nothing";
    const claimed = await pool.query(claim, [key, JSON.stringify(request.body)]);
    if (claimed.rowCount === 0) return void response.status(409).end();
    const body = JSON.stringify({ orderId: key, amount: request.body.amount });
    await pool.query(
      `with placed as (insert into hand_order values ($1, $2))
       update hand_key set status = 201, body = $3 where key = $1`,
      [key, request.body.amount, body],
    );
    response.status(201).type("json").send(body);
  });
}

/**
 * The same in one transaction, as it must be if no crash may leave a key without its order. It
 * checks nothing, and a duplicate waits for the row's lock with a connection in its hands.
 */
async function handTransaction(db: string): Promise<Express> {
  const pool = new pg.Pool({ connectionString: db, max: 20 });
  await pool.query(HAND_TABLES);
  const app = express().disable("x-powered-by").use(express.json());
  return app.post("/orders", async (request, response) => {
    const key = String(request.headers["idempotency-key"]);
    const body = JSON.stringify({ orderId: key, amount: request.body.amount });
    const client = await pool.connect();
    try {
      await client.query("begin");
      const claim =
        "insert into hand_key (key, fingerprint) values ($1, $2) on conflict do nothing";
      const claimed = await client.query(claim, [key, JSON.stringify(request.body)]);
      if (claimed.rowCount === 0) return void response.status(409).end();
      await client.query("insert into hand_order values ($1, $2)", [key, request.body.amount]);
      const settle = "update hand_key set status = 201, body = $2 where key = $1";
      await client.query(settle, [key, body]);
    } finally {
      await client.query("commit");
      client.release();
    }
    response.status(201).type("json").send(body);
  });
}

async function oursPostgres(db: string): Promise<Express> {
  const pool = new pg.Pool({ connectionString: db, max: 20 });
  await pool.query(HAND_TABLES);
  const store = postgresStore(pool);
  await store.migrate();
  const once = nevertwice({ store });
  const place = once.atomic("place", {
    input: Order,
    handler: async (op, order) => {
      await op.tx.query("insert into hand_order values ($1, $2)", [op.key, order.amount]);
      return ok({ orderId: op.key, amount: order.amount }, 201);
    },
  });
  const app = express().disable("x-powered-by").use(express.json());
  return app.post("/orders", protect(place, { scope }));
}

async function plannedPostgres(db: string): Promise<Express> {
  const pool = new pg.Pool({ connectionString: db, max: 20 });
  await pool.query(HAND_TABLES);
  return planned(postgresStore(pool), "insert into hand_order values ($1, $2)");
}

async function plannedSqlite(file: string): Promise<Express> {
  return planned(sqliteStore(openSqlite(file)), "insert into hand_order values (?, ?)");
}

/** The same order row as data, so that it travels with the claim and the outcome. */
async function planned(store: Store, insert: string): Promise<Express> {
  await store.migrate();
  const once = nevertwice({ store });
  const place = once.atomic("place", {
    input: Order,
    plan: (op, order) => {
      op.write(insert, [op.key, order.amount]);
      return ok({ orderId: op.key, amount: order.amount }, 201);
    },
  });
  const app = express().disable("x-powered-by").use(express.json());
  return app.post("/orders", protect(place, { scope }));
}

function openSqlite(file: string): DatabaseSync {
  const db = new DatabaseSync(file);
  db.exec("pragma journal_mode = wal; pragma synchronous = full");
  db.exec(HAND_TABLES);
  return db;
}

async function handSqlite(file: string): Promise<Express> {
  const db = openSqlite(file);
  const claim = db.prepare(
    "insert into hand_key (key, fingerprint) values (?, ?) on conflict do nothing",
  );
  const place = db.prepare("insert into hand_order values (?, ?)");
  const settle = db.prepare("update hand_key set status = 201, body = ? where key = ?");
  const app = express().disable("x-powered-by").use(express.json());
  return app.post("/orders", (request, response) => {
    const key = String(request.headers["idempotency-key"]);
    if (claim.run(key, JSON.stringify(request.body)).changes === 0)
      return void response.status(409).end();
    const body = JSON.stringify({ orderId: key, amount: request.body.amount });
    db.exec("begin immediate");
    place.run(key, request.body.amount);
    settle.run(body, key);
    db.exec("commit");
    response.status(201).type("json").send(body);
  });
}

async function oursSqlite(file: string): Promise<Express> {
  const db = openSqlite(file);
  const store = sqliteStore(db);
  await store.migrate();
  const once = nevertwice({ store });
  const insert = db.prepare("insert into hand_order values (?, ?)");
  const place = once.atomic("place", {
    input: Order,
    handler: (op, order) => {
      insert.run(op.key, order.amount);
      return ok({ orderId: op.key, amount: order.amount }, 201);
    },
  });
  const app = express().disable("x-powered-by").use(express.json());
  return app.post("/orders", protect(place, { scope }));
}

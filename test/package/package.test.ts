import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openWorkspace, type Workspace } from "./workspace.ts";

const OWN = ["canonicalize", "structured-headers", "commander"];
const USERS = ["express", "express4", "fastify", "hono", "zod", "@types/node", "@hono/node-server"];

let workspace: Workspace;
before(async () => {
  workspace = await openWorkspace([...OWN, ...USERS].map((name) => [name, name] as const));
});
after(() => workspace.remove());

/** Ten lines of a user's, then two equal requests and what came back. */
const PROTECTED = `
import { z } from "zod";
import { DatabaseSync } from "node:sqlite";
import { nevertwice, ok } from "nevertwice";
import { sqliteStore } from "nevertwice/sqlite";
const db = new DatabaseSync("shop.db");
db.exec("create table if not exists orders (id integer primary key, amount int)");
const store = sqliteStore(db);
await store.migrate();
const once = nevertwice({ store, namespace: "package-test" });
const place = once.atomic("place", {
  input: z.object({ amount: z.int().positive() }),
  handler: (op, order) => ok({ id: Number(op.tx.prepare("insert into orders (amount) values (?)").run(order.amount).lastInsertRowid) }, 201),
});
const scope = () => "acct_1";
async function prove(url, key) {
  const send = () => fetch(url, { method: "POST", headers: { "content-type": "application/json", "idempotency-key": key }, body: '{"amount":5}' });
  const answers = await Promise.all([send(), send(), send()]);
  const bodies = new Set(await Promise.all(answers.map((answer) => answer.text())));
  const { n } = db.prepare("select count(*) as n from orders").get();
  console.log(JSON.stringify({ statuses: [...new Set(answers.map((answer) => answer.status))], bodies: bodies.size, orders: n }));
  db.exec("delete from orders");
  process.exit(0);
}
`;
const ONCE = '{"statuses":[201],"bodies":1,"orders":1}';

const FRAMEWORKS = {
  "Express 5": `
import express from "express";
import { protect } from "nevertwice/express";
const app = express();
app.use(express.json());
app.post("/orders", protect(place, { scope }));
const server = app.listen(0, "127.0.0.1", () => prove("http://127.0.0.1:" + server.address().port + "/orders", "express5"));
`,
  "Express 4": `
import express from "express4";
import { protect } from "nevertwice/express";
const app = express();
app.use(express.json());
app.post("/orders", protect(place, { scope }));
const server = app.listen(0, "127.0.0.1", () => prove("http://127.0.0.1:" + server.address().port + "/orders", "express4"));
`,
  "Fastify 5": `
import fastify from "fastify";
import { protect } from "nevertwice/fastify";
const app = fastify();
app.post("/orders", protect(place, { scope }));
await prove(await app.listen({ port: 0, host: "127.0.0.1" }) + "/orders", "fastify");
`,
  "Hono 4": `
import { Hono } from "hono";
import { serve } from "@hono/node-server";
import { protect } from "nevertwice/hono";
const app = new Hono();
app.post("/orders", protect(place, { scope }));
serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, ({ port }) => prove("http://127.0.0.1:" + port + "/orders", "hono"));
`,
  "nothing but Request and Response": `
import { protect } from "nevertwice/web";
const handler = protect(place, { scope });
globalThis.fetch = (url, init) => handler(new Request(url, init));
await prove("http://shop.example/orders", "web");
`,
};

for (const [name, lines] of Object.entries(FRAMEWORKS)) {
  test(`the package protects an operation with ${name}`, async () => {
    const file = `${name.replaceAll(/\W+/g, "-")}.mjs`;
    assert.equal(await workspace.run(file, PROTECTED + lines), ONCE);
  });
}

test("the middleware goes round handlers that exist, with currentOperation() inside them", async () => {
  const printed = await workspace.run(
    "wrap.mjs",
    `${PROTECTED}
import express from "express";
import { currentOperation } from "nevertwice";
import { protect } from "nevertwice/express";
const app = express();
app.use(express.json());
app.use("/orders", protect(once, { name: "orders", scope, afterCrash: "doubt" }));
app.post("/orders", (request, response) => {
  db.prepare("insert into orders (amount) values (?)").run(request.body.amount);
  response.status(201).json({ key: currentOperation().providerKey("charge") });
});
const server = app.listen(0, "127.0.0.1", () => prove("http://127.0.0.1:" + server.address().port + "/orders", "wrapped"));
`,
  );
  assert.equal(printed, ONCE);
});

test("require() gives the same doors", async () => {
  const printed = await workspace.run(
    "require.cjs",
    `const { nevertwice, ok, NevertwiceError } = require("nevertwice");
const { memoryStore } = require("nevertwice/memory");
const { protect } = require("nevertwice/express");
const once = nevertwice({ store: memoryStore() });
console.log(typeof once.operation, typeof protect, new NevertwiceError("key-required").code);`,
  );
  assert.equal(printed, "function function key-required");
});

test("from plain JavaScript a mistake is an error that names the way out", async () => {
  const mistakes: readonly (readonly [string, RegExp])[] = [
    ["nevertwice({})", /`store` is missing. Pass sqliteStore/],
    ["nevertwice({ store: memoryStore(), leese: 1 })", /no option `leese`/],
    ["once.operation('pay', { handler: () => ok() })", /`input` is a Standard Schema/],
    ["once.operation('pay it', { input, handler: () => ok() })", /name starts with a letter/],
    ["once.operation('pay', { input })", /`handler` is a function/],
    [
      "protect(once.operation('a', { input, handler: () => ok() }), {})",
      /`scope` is a function of the request/,
    ],
    [
      "protect(once, { name: 'orders', scope: () => 'a' }, () => {})",
      /Choose "doubt", "rerun" or a probe/,
    ],
    ["protect({}, { scope: () => 'a' })", /takes an operation or what nevertwice\(\) returned/],
    [
      "await once.operation('b', { input, handler: () => ok() }).run({ key: 'k', input: {} })",
      /`scope` option/,
    ],
    ["businessKey(['refund:', ''], undefined)", /part of the business key is empty/],
  ];
  const source = `import { businessKey, nevertwice, ok } from "nevertwice";
import { memoryStore } from "nevertwice/memory";
import { protect } from "nevertwice/web";
import { z } from "zod";
const input = z.object({});
const once = nevertwice({ store: memoryStore() });
const messages = [];
for (const mistake of [${mistakes.map(([code]) => `async () => { ${code} }`).join(", ")}])
  await mistake().then(() => messages.push("none"), (error) => messages.push(error.message));
console.log(JSON.stringify(messages));`;
  const messages = JSON.parse(await workspace.run("mistakes.mjs", source)) as string[];
  for (const [index, [code, expected]] of mistakes.entries())
    assert.match(messages[index] ?? "", expected, code);
});

test("from TypeScript the types are inferred, without a library check left out", async () => {
  const complaints = await workspace.compile(
    "user.ts",
    `import { DatabaseSync } from "node:sqlite";
import { z } from "zod";
import { nevertwice, ok } from "nevertwice";
import { sqliteStore } from "nevertwice/sqlite";
import { protect } from "nevertwice/web";
const once = nevertwice({ store: sqliteStore(new DatabaseSync(":memory:")) });
const input = z.object({ amount: z.int() });
const place = once.atomic("place", { input, handler: (op, order) => { op.tx.exec("select 1"); return ok({ amount: order.amount }, 201); } });
export const POST: (request: Request) => Response | Promise<Response> = protect(place, { scope: (request) => request.headers.get("x-account") ?? undefined });
const result = await place.run({ scope: "a", key: "k", input: { amount: 1 } });
if (result.kind === "succeeded") { const amount: number = result.body.amount; void amount; }
`,
  );
  assert.equal(complaints, "");
});

test("the tarball holds what is built and what is read, and nothing else", () => {
  const tops = new Set(workspace.files.map((file) => file.split("/")[0]));
  assert.deepEqual([...tops].sort(), [
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "dist",
    "package.json",
  ]);
  const strange = workspace.files.filter((file) => /\.(test|tsbuildinfo|map)\b/.test(file));
  assert.deepEqual(strange, []);
});

import { createRequire } from "node:module";
import express from "express";
import { protect } from "../../src/http/express.ts";
import { accountOf, type ExpressPackage, openExpress } from "./express-server.ts";
import { httpSuite } from "./suite.ts";
import type { Wiring } from "./wiring.ts";

const express4 = createRequire(import.meta.url)("express4") as ExpressPackage;

/** Compiles only if the types fit: parameters are typed by the place where they are mounted. */
export function mountedTypes(once: Wiring["once"], checkout: Wiring["checkout"]): void {
  const options = { name: "orders", afterCrash: "doubt" } as const;
  const app = express();
  const user: express.RequestHandler = (_request, _response, next) => next();
  app.post("/a", user, protect(checkout, { scope: (request) => request.get("x-account") }));
  app.use("/b", user, protect(once, { ...options, scope: (request) => request.ip }));
  const router = express.Router();
  router.post(
    "/c/:id",
    protect(once, { ...options, scope: accountOf }, async (request, response: express.Response) => {
      response.json({ id: request.params["id"] });
    }),
  );
  // @ts-expect-error A wrapped handler's mount must say what a crash means.
  app.use(protect(once, { name: "orders", scope: accountOf }));
  // @ts-expect-error A scope is required.
  app.post("/d", protect(checkout, {}));
}

httpSuite("Express 5", openExpress(express, "middleware"));
httpSuite("Express 5, wrapper", openExpress(express, "wrapper"));
httpSuite("Express 4", openExpress(express4, "middleware"));
httpSuite("Express 4, wrapper", openExpress(express4, "wrapper"));

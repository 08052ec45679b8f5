import { createRequire } from "node:module";
import express from "express";
import { webhook } from "../../src/http/express.ts";
import { type ExpressPackage, serve } from "./express-server.ts";
import { type OpenWebhooks, webhookSuite } from "./webhook-suite.ts";

const express4 = createRequire(import.meta.url)("express4") as ExpressPackage;

function open(pack: ExpressPackage, keep: "raw" | "rawBody"): OpenWebhooks {
  return (mounts, ground) => {
    const app = pack();
    const any = { type: () => true };
    // What Nest and others do: the parsed body stands beside its bytes.
    const verify = (request: object, _response: object, rawBody: Buffer): void =>
      void Object.assign(request, { rawBody });
    const keeper = keep === "raw" ? pack.raw(any) : pack.json({ ...any, strict: false, verify });
    app.all("/hooks", webhook(...mounts["/hooks"]));
    app.use("/plain", webhook(...mounts["/plain"]));
    app.post("/kept", keeper, webhook(...mounts["/kept"]));
    app.use(pack.json());
    app.post("/parsed", webhook(...mounts["/parsed"]));
    app.post("/echo", (request, response) => void response.json(request.body));
    return serve(app, ground);
  };
}

const door = { separates: true, keeps: true };
webhookSuite("express 5", open(express, "raw"), door);
webhookSuite("express 4", open(express4, "rawBody"), door);

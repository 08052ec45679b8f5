import { registerPlays } from "./plays.ts";
import { openScene } from "./scene.ts";

registerPlays("SQLite", () => openScene(), {
  depth: process.env["NEVERTWICE_PROVE"] === "1" ? "all" : "whole",
});

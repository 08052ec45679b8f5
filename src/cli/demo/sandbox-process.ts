import { type SandboxOptions, startSandbox } from "../../sandbox/server.ts";
import { runAsChild } from "./child-process.ts";

runAsChild((options) => startSandbox(options as SandboxOptions));

import type { CrashPoint } from "./routes.ts";

/** The demo's way to die for real in the middle of a checkout. */
export interface Crash {
  /** The next checkout that comes to this point ends the process. */
  arm(at: CrashPoint): void;
  reach(at: CrashPoint): void;
}

export function createCrash(): Crash {
  let armed: CrashPoint | undefined;
  return {
    arm(at) {
      armed = at;
    },
    reach(at) {
      // SIGKILL runs no handler and no `finally`, as a power cut does.
      if (armed === at) process.kill(process.pid, "SIGKILL");
    },
  };
}

import type { Target } from "./target.ts";
import { HTTP_TARGETS } from "./targets/http.ts";

export const TARGETS: readonly Target[] = [...HTTP_TARGETS];

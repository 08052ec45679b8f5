import { openShop } from "./recovery-shop.ts";

/** Begins so many operations, none of which ever hears from its provider; then it is killed. */
const [, , db = "", count = "0"] = process.argv;
const AT_ONCE = 64;
let begun = 0;
let asked = 0;

const shop = openShop(
  db,
  () => new Promise(() => {}),
  (type) => {
    if (type !== "step.begun") return;
    begun += 1;
    if (begun === Number(count)) process.send?.("begun");
    else next();
  },
);

function next(): void {
  if (asked >= Number(count)) return;
  asked += 1;
  void shop.order(asked);
}

await shop.store.migrate();
for (let index = 0; index < AT_ONCE; index += 1) next();
process.on("disconnect", () => process.exit(0));

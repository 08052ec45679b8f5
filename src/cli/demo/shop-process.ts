import { runAsChild } from "./child-process.ts";
import type { ShopOptions } from "./options.ts";
import { startShop } from "./shop.ts";

runAsChild((options) => startShop(options as ShopOptions));

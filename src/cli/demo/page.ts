import { readFile } from "node:fs/promises";

/** The files of the page by path. */
const ASSETS: Readonly<Record<string, { readonly file: string; readonly type: string }>> = {
  "/": { file: "page.html", type: "text/html; charset=utf-8" },
  "/assets/icon.svg": { file: "icon.svg", type: "image/svg+xml" },
  "/assets/page.css": { file: "page.css", type: "text/css; charset=utf-8" },
  "/assets/shop.css": { file: "shop.css", type: "text/css; charset=utf-8" },
  "/assets/truth.css": { file: "truth.css", type: "text/css; charset=utf-8" },
  "/assets/events.css": { file: "events.css", type: "text/css; charset=utf-8" },
  "/assets/page.js": { file: "page.js", type: "text/javascript; charset=utf-8" },
  "/assets/checkout.js": { file: "checkout.js", type: "text/javascript; charset=utf-8" },
  "/assets/draw.js": { file: "draw.js", type: "text/javascript; charset=utf-8" },
  "/assets/events.js": { file: "events.js", type: "text/javascript; charset=utf-8" },
};

const HEADERS = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cache-control": "no-cache",
};

/** The page or one of its files, or nothing where the path names none. */
export async function servePage(path: string): Promise<Response | undefined> {
  const asset = Object.hasOwn(ASSETS, path) ? ASSETS[path] : undefined;
  if (asset === undefined) return undefined;
  const bytes = await readFile(new URL(`./assets/${asset.file}`, import.meta.url));
  return new Response(Uint8Array.from(bytes), {
    headers: { ...HEADERS, "content-type": asset.type },
  });
}

/** Moves this process into a time zone; undefined is the machine's own. */
export function inZone(zone: string | undefined): void {
  if (zone === undefined) Reflect.deleteProperty(process.env, "TZ");
  else Object.assign(process.env, { TZ: zone });
}

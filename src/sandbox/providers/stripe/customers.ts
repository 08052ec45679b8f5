import type { Route } from "../../provider.ts";
import { invalid } from "./errors.ts";
import { listRoute, present } from "./lists.ts";
import { born, existing, type StripeObject, tell } from "./objects.ts";
import { type Fields, fieldsOf, metadata, refuseWith, route, text } from "./parameters.ts";
import { searchRoute } from "./search.ts";

interface Customer extends StripeObject {
  readonly object: "customer";
  readonly description: string | null;
  readonly email: string | null;
  readonly name: string | null;
}

/** Customers and events: what is beside the payments. */
export const customerRoutes: readonly Route[] = [
  route("POST", "/v1/customers", (call, books) => {
    const fields = fieldsOf(call);
    const customer: Customer = {
      ...born(books, "customer", "cus"),
      description: text(fields, "description") ?? null,
      email: text(fields, "email") ?? null,
      metadata: metadata(fields),
      name: text(fields, "name") ?? null,
    };
    books.insert("customer", customer);
    tell(books, call, "customer.created", customer);
    return { ...present(call, books, customer), made: customer.id };
  }),
  listRoute("/v1/customers", "customer", ["email"]),
  searchRoute("/v1/customers/search", "customer"),
  route("GET", "/v1/customers/:id", (call, books) =>
    present(call, books, existing<Customer>(books, "customer", call.parameters["id"] ?? "")),
  ),
];

const TYPES_MAX = 20;

/** `type=charge.refunded`, `type=charge.*`, or up to twenty exact ones in `types`. */
function typeTest(fields: Fields): (event: StripeObject) => boolean {
  const type = text(fields, "type");
  const { types } = fields;
  if (type !== undefined && types !== undefined)
    return refuseWith(invalid("You may pass only one of these parameters: type, types.", "types"));
  if (types !== undefined && !(Array.isArray(types) && types.length <= TYPES_MAX))
    return refuseWith(invalid(`Invalid array: at most ${TYPES_MAX} types.`, "types"));
  const group = type?.endsWith("*") === true ? type.slice(0, -1) : undefined;
  return (event) => {
    const told = (event as StripeObject & { readonly type: string }).type;
    if (Array.isArray(types)) return types.includes(told);
    return type === undefined || told === type || (group !== undefined && told.startsWith(group));
  };
}

export const eventRoutes: readonly Route[] = [
  listRoute("/v1/events", "event", [], typeTest),
  route("GET", "/v1/events/:id", (call, books) =>
    present(call, books, existing<StripeObject>(books, "event", call.parameters["id"] ?? "")),
  ),
];

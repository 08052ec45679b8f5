import type { Route } from "../../provider.ts";
import { listRoute, present } from "./lists.ts";
import { born, existing, type StripeObject, tell } from "./objects.ts";
import { fieldsOf, metadata, route, text } from "./parameters.ts";
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

export const eventRoutes: readonly Route[] = [
  listRoute("/v1/events", "event", ["type"]),
  route("GET", "/v1/events/:id", (call, books) =>
    present(call, books, existing<StripeObject>(books, "event", call.parameters["id"] ?? "")),
  ),
];

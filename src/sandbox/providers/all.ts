import type { Provider } from "../provider.ts";
import { adyen } from "./adyen.ts";
import { braintree } from "./braintree.ts";
import { checkout } from "./checkout.ts";
import { mollie } from "./mollie.ts";
import { paypal } from "./paypal.ts";
import { plain } from "./plain.ts";
import { razorpay } from "./razorpay.ts";
import { square } from "./square.ts";
import { stripe } from "./stripe/stripe.ts";

/** Every provider. Without credentials to tell by, the first that has a route is taken. */
export const providers: readonly Provider[] = [
  plain,
  paypal,
  stripe,
  mollie,
  braintree,
  checkout,
  razorpay,
  square,
  adyen,
];

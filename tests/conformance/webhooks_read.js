// Checks what a receiver was sent with the library that Standard Webhooks publishes for JavaScript.
//
// Reads from standard input what webhooks_read.py reads; ends with 0 when every check holds.

const assert = require("node:assert");
const { readFileSync } = require("node:fs");
const { Webhook, WebhookVerificationError } = require("standardwebhooks");

const told = JSON.parse(readFileSync(0, "utf8"));
assert(told.messages.length > 1);
for (const { body, headers } of told.messages) {
  for (const secret of told.secrets) {
    const read = new Webhook(secret).verify(body, headers);
    assert.strictEqual(read.eventId, headers["webhook-id"]);
    assert.throws(() => new Webhook(secret).verify(body + " ", headers), WebhookVerificationError);
  }
  assert.throws(() => new Webhook(told.stranger).verify(body, headers), WebhookVerificationError);
}
console.log(`${told.messages.length} messages are believed by Standard Webhooks' library for JavaScript`);

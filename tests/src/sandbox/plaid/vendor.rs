//! Requests to the fake Plaid and its answers.

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::ask::Ask;
use super::errors::PlaidError;
use super::{CLIENT_ID, Plaid, SECRET, institutions, item_calls, transactions};
use crate::sandbox::exchange::{Answer, Authorization, Mutation, Request, Vendor};
use crate::sandbox::faults::Fault;
use crate::sandbox::kit::{merge, parsed, write};

impl Vendor for Plaid {
    fn connector(&self) -> &'static str {
        "plaid"
    }

    fn credentials(&self) -> Value {
        json!({ "clientId": CLIENT_ID, "secret": SECRET, "accessToken": self.access_token() })
    }

    fn holds(&self, entity: &str) -> Vec<(String, Value)> {
        let store = self.lock();
        let item = &store.items[0];
        match entity {
            "transactions" => item.transactions.holds(),
            "accounts" | "balances" => item.accounts.holds(),
            "identity" => item
                .accounts
                .live()
                .map(|record| {
                    let mut body = parsed(&record.body);
                    body["owners"] = item.owners.get(&record.id).cloned().unwrap_or_default();
                    (record.id.clone(), body)
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    fn headers_of_interest(&self) -> &'static [&'static str] {
        &["plaid-version", "plaid-client-id", "user-agent"]
    }

    fn authorization(&self, request: &Request) -> Authorization {
        match Ask::read(request) {
            Ok(ask) if ask.authenticate(request).is_ok() => Authorization::Right,
            Ok(ask) if ask.client(request) == (None, None) => Authorization::Absent,
            _ => Authorization::Wrong,
        }
    }

    fn answer(&self, request: &Request, fault: Option<&Fault>) -> Answer {
        let request_id = self.request_id();
        match self.read(request, fault) {
            Ok(mut body) => {
                body["request_id"] = request_id.into();
                Answer::json(StatusCode::OK, write(&body))
            }
            Err(error) => error.into_answer(&request_id),
        }
    }

    fn refusal(&self, status: StatusCode) -> Answer {
        PlaidError::of_status(status).into_answer(&self.request_id())
    }

    fn mutate(&self, mutation: Mutation) -> Result<Value, String> {
        let now_s = self.clock().now();
        let only_transactions = |entity: &str| match entity {
            "transactions" => Ok(()),
            other => Err(format!("the sandbox does not change '{other}'")),
        };
        match mutation {
            Mutation::Create { entity, count } => {
                only_transactions(&entity)?;
                Ok(json!({ "ids": self.add(count) }))
            }
            Mutation::Update { entity, id, patch } => {
                let mut store = self.lock();
                let item = &mut store.items[0];
                if matches!(entity.as_str(), "accounts" | "balances") {
                    let changed = item.accounts.update(&id, now_s, |body| merge(body, patch));
                    changed.map_err(|error| error.to_string())?;
                    return Ok(json!({ "ids": [id] }));
                }
                only_transactions(&entity)?;
                // A pending transaction never just stops being pending.
                if patch["pending"] == false
                    && let Some(posted) = item.post(&id, now_s)
                {
                    return Ok(json!({ "ids": [posted], "removed": [id] }));
                }
                item.modify(&id, now_s, |body| merge(body, patch))
                    .map_err(|error| error.to_string())?;
                Ok(json!({ "ids": [id] }))
            }
            Mutation::Delete { entity, id } => {
                only_transactions(&entity)?;
                self.lock().items[0]
                    .remove(&id, now_s)
                    .map_err(|error| error.to_string())?;
                Ok(json!({ "ids": [id] }))
            }
            Mutation::SetClock { unix_s } => {
                self.clock().set(unix_s);
                Ok(json!({ "unixS": self.clock().now() }))
            }
            Mutation::AdvanceClock { seconds } => {
                self.clock().advance(seconds);
                Ok(json!({ "unixS": self.clock().now() }))
            }
            Mutation::ExpireTokens => Err("Plaid's access tokens do not expire".to_owned()),
            // To a reader, a bank that wants a new login is what a revoked token is elsewhere.
            Mutation::RevokeTokens => {
                self.require_login(true);
                Ok(json!({ "revoked": 1 }))
            }
        }
    }
}

impl Plaid {
    fn read(&self, request: &Request, fault: Option<&Fault>) -> Result<Value, PlaidError> {
        let path = request.path.as_str();
        if request.method != Method::POST {
            return Err(PlaidError::not_in_the_sandbox(path));
        }
        let ask = Ask::read(request)?;
        ask.authenticate(request)?;
        self.within_limit(path)?;
        match path {
            "/item/get" => item_calls::item(self, &ask),
            "/item/remove" => item_calls::remove(self, &ask),
            "/item/webhook/update" => item_calls::set_webhook(self, &ask),
            "/item/access_token/invalidate" => item_calls::invalidate(self, &ask),
            "/item/public_token/exchange" => item_calls::exchange(self, &ask),
            "/accounts/get" | "/accounts/balance/get" => item_calls::accounts(self, &ask, false),
            "/identity/get" => item_calls::accounts(self, &ask, true),
            "/transactions/sync" => transactions::sync(self, &ask, fault),
            "/transactions/get" => transactions::get(self, &ask, fault),
            "/institutions/get" => institutions::list(&ask),
            "/institutions/get_by_id" => institutions::by_id(&ask),
            "/webhook_verification_key/get" => institutions::webhook_key(self, &ask),
            "/link/token/create" => item_calls::link_token(self, &ask),
            "/sandbox/public_token/create" => item_calls::create(self, &ask),
            "/sandbox/item/reset_login" => item_calls::reset_login(self, &ask),
            "/sandbox/item/fire_webhook" => item_calls::fire_webhook(self, &ask),
            _ => Err(PlaidError::not_in_the_sandbox(path)),
        }
    }
}

//! Requests to the fake Tink and its answers.

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::errors::TinkError;
use super::{CLIENT_ID, CLIENT_SECRET, EXTERNAL_USER_ID, Tink, reads};
use crate::sandbox::exchange::{Answer, Authorization, Mutation, Request, Vendor};
use crate::sandbox::faults::Fault;
use crate::sandbox::kit::{merge, parsed, write};

const TOKEN_PATH: &str = "/api/v1/oauth/token";
/// Tink Link's page for connecting a bank.
const LINK_PATH: &str = "/1.0/transactions/connect-accounts";

impl Vendor for Tink {
    fn connector(&self) -> &'static str {
        "tink"
    }

    fn credentials(&self) -> Value {
        json!({
            "clientId": CLIENT_ID,
            "clientSecret": CLIENT_SECRET,
            "externalUserId": EXTERNAL_USER_ID,
        })
    }

    fn holds(&self, entity: &str) -> Vec<(String, Value)> {
        let store = self.lock();
        match entity {
            "accounts" => store.accounts.holds(),
            "transactions" => store.transactions.holds(),
            "balances" => store
                .accounts
                .live()
                .map(|account| (account.id.clone(), parsed(&store.balances(&account.body))))
                .collect(),
            _ => Vec::new(),
        }
    }

    fn headers_of_interest(&self) -> &'static [&'static str] {
        &["user-agent"]
    }

    fn authorization(&self, request: &Request) -> Authorization {
        self.oauth().authorization(request)
    }

    fn answer(&self, request: &Request, fault: Option<&Fault>) -> Answer {
        if request.method == Method::GET && request.path.trim_end_matches('/') == LINK_PATH {
            return self.link(request);
        }
        if request.method == Method::POST && request.path == "/events/v2/webhook-endpoints" {
            return self
                .create_endpoint(request)
                .unwrap_or_else(TinkError::into_answer);
        }
        match self.read(request, fault) {
            Ok(body) => Answer::json(StatusCode::OK, write(&body)),
            Err(error) => error.into_answer(),
        }
    }

    fn refusal(&self, status: StatusCode) -> Answer {
        TinkError::of_status(status).into_answer()
    }

    fn mutate(&self, mutation: Mutation) -> Result<Value, String> {
        let now_s = self.clock().now();
        let fixed = |entity: &str| format!("the sandbox does not do this to '{entity}'");
        match mutation {
            Mutation::Create { entity, count } => match entity.as_str() {
                "transactions" => Ok(json!({ "ids": self.refresh(count) })),
                other => Err(fixed(other)),
            },
            Mutation::Update { entity, id, patch } => {
                // A pending transaction is booked as another one.
                if entity == "transactions"
                    && patch["status"] == "BOOKED"
                    && let Some(booked) = self.book(&id)
                {
                    return Ok(json!({ "ids": [booked], "removed": [id] }));
                }
                let mut store = self.lock();
                let shelf = match entity.as_str() {
                    "transactions" => &mut store.transactions,
                    "accounts" | "balances" => &mut store.accounts,
                    other => return Err(fixed(other)),
                };
                shelf
                    .update(&id, now_s, |body| merge(body, patch))
                    .map_err(|error| error.to_string())?;
                Ok(json!({ "ids": [id] }))
            }
            Mutation::Delete { entity, id } => {
                let mut store = self.lock();
                let shelf = match entity.as_str() {
                    "transactions" => &mut store.transactions,
                    "accounts" => &mut store.accounts,
                    other => return Err(fixed(other)),
                };
                shelf
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
            Mutation::ExpireTokens => Ok(self.oauth().expire_access_tokens()),
            Mutation::RevokeTokens => Ok(self.oauth().revoke_everything()),
        }
    }
}

impl Tink {
    fn read(&self, request: &Request, fault: Option<&Fault>) -> Result<Value, TinkError> {
        let path = request.path.as_str();
        let unknown = || TinkError::not_in_the_sandbox(path);
        self.within_limit()?;
        if request.method == Method::POST {
            return match path {
                TOKEN_PATH => self.token(request),
                "/api/v1/user/create" => self.create_user(request),
                "/api/v1/oauth/authorization-grant" => self.grant(request),
                "/api/v1/oauth/authorization-grant/delegate" => self.delegate(request),
                _ => Err(unknown()),
            };
        }
        let rest = path.strip_prefix("/data/v2/").ok_or_else(unknown)?;
        let steps: Vec<&str> = rest.split('/').collect();
        match (&request.method, steps.as_slice()) {
            (&Method::GET, ["accounts"]) => reads::accounts(self, request, fault),
            (&Method::GET, ["accounts", id]) => reads::account(self, request, id, None),
            (&Method::GET, ["accounts", id, part]) => reads::account(self, request, id, Some(part)),
            (&Method::GET, ["transactions"]) => reads::transactions(self, request, fault),
            _ => Err(unknown()),
        }
    }
}

//! Requests that may be repeated: one that came with an Idempotency-Key is answered once, and then the same again.
//!
//! The answer is kept in the transaction of what the request makes. So whoever did not get it, whatever was cut or
//! killed, repeats the request and gets it, and nothing is made twice.

use std::fmt;
use std::marker::PhantomData;

use poem::http::{HeaderValue, StatusCode};
use poem::{IntoResponse, Request, RequestBody, Response};
use poem_openapi::registry::{MetaParamIn, MetaResponses, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions};
use rail_shared::domain::TenantId;
use rail_shared::secrets::{AnswerBinding, Sealed};
use rail_shared::store::idempotency_keys::{self, KeptAnswer, Taken};
use rail_shared::store::{StoreError, Transaction};
use serde::{Deserialize, Serialize};

use crate::http::answer::{Answer, Content, Said};
use crate::http::auth::Caller;
use crate::http::body::Json;
use crate::http::in_flight::Flight;
use crate::http::problem::Problem;
use crate::http::refusal::documented_header;
use crate::state::Api;

/// The header that carries the key.
const HEADER: &str = "Idempotency-Key";
/// The header of an answer that was given before.
const REPLAYED: &str = "Idempotent-Replayed";
const LONGEST: usize = 255;

/// What a caller sends with a request to be able to repeat it.
pub struct IdempotencyKey(Option<Named>);

/// A request with a key.
struct Named {
    key: String,
    /// Method, path and query.
    line: String,
}

impl<'a> ApiExtractor<'a> for IdempotencyKey {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];

    type ParamType = ();
    type ParamRawType = ();

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Header)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(MetaSchemaRef::Inline(Box::new(MetaSchema {
            min_length: Some(1),
            max_length: Some(LONGEST),
            pattern: Some("^[ -~]+$".to_owned()),
            ..MetaSchema::new("string")
        })))
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let mut given = request.headers().get_all(HEADER).iter();
        let Some(first) = given.next() else {
            return Ok(Self(None));
        };
        let key = match (first.as_bytes(), given.next()) {
            (bytes, None) if is_key(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            _ => {
                let detail = format!("A key is 1 to {LONGEST} printable ASCII characters, once.");
                return Err(Problem::fault(HEADER, "bad-parameter", detail).into());
            }
        };
        let line = format!("{} {}", request.method(), request.original_uri());
        Ok(Self(Some(Named { key, line })))
    }
}

fn is_key(bytes: &[u8]) -> bool {
    (1..=LONGEST).contains(&bytes.len()) && bytes.iter().all(|byte| matches!(byte, b' '..=b'~'))
}

impl IdempotencyKey {
    /// Begins to answer a request. The same one meanwhile waits, until this one is answered.
    ///
    /// # Errors
    /// [`Stop::Answered`] when it was answered before; 422 `idempotency-key-reused` when another one was.
    pub async fn enter<'a>(
        self,
        api: &'a Api,
        caller: &Caller,
        body: Option<&Json>,
    ) -> Result<Entry<'a>, Stop> {
        let Some(Named { key, line }) = self.0 else {
            return Ok(Entry { api, keyed: None });
        };
        let body = body.map(Json::fingerprint).unwrap_or_default();
        let (tenant, request) = (caller.tenant(), format!("{line}\n{body}"));
        loop {
            let flight = api.in_flight.take_off(tenant, &key);
            if let Err(landing) = &flight {
                landing.cancelled().await;
            }
            if let Some(said) = kept(api, tenant, &key, &request).await? {
                return Err(Stop::Answered(said));
            }
            if let Ok(flight) = flight {
                let keyed = Some(Keyed {
                    tenant,
                    key,
                    request,
                    _flight: flight,
                });
                return Ok(Entry { api, keyed });
            }
        }
    }
}

/// A request that is being answered.
pub struct Entry<'a> {
    api: &'a Api,
    keyed: Option<Keyed>,
}

struct Keyed {
    tenant: TenantId,
    key: String,
    request: String,
    _flight: Flight,
}

/// What is kept: an answer, and to what.
#[derive(Serialize, Deserialize)]
struct Kept {
    request: String,
    said: Said,
}

impl Entry<'_> {
    /// Begins the transaction in which the request makes something.
    ///
    /// # Errors
    /// [`Stop::Answered`] when another process has answered the request meanwhile.
    pub async fn begin(&self) -> Result<Transaction, Stop> {
        self.take_key(self.api.store.begin().await?).await
    }

    /// The same for a request that makes something with one statement: without a key that is a transaction by itself.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub async fn begin_single(&self) -> Result<Transaction, Stop> {
        match self.keyed {
            Some(_) => self.begin().await,
            None => Ok(self.api.store.begin_single().await?),
        }
    }

    async fn take_key(&self, mut transaction: Transaction) -> Result<Transaction, Stop> {
        let Some(Keyed {
            tenant,
            key,
            request,
            ..
        }) = &self.keyed
        else {
            return Ok(transaction);
        };
        match idempotency_keys::take(&mut transaction, *tenant, key).await? {
            Taken::Now => Ok(transaction),
            Taken::Before => {
                drop(transaction);
                let kept = kept(self.api, *tenant, key, request).await?;
                let forgotten =
                    || Problem::unavailable("busy", "The key of this request is being forgotten.");
                Err(kept.map_or_else(|| Stop::Refused(forgotten()), Stop::Answered))
            }
        }
    }

    /// Ends the transaction, the answer kept within it.
    ///
    /// # Errors
    /// When the store fails: then whether it was committed shows when the request is repeated.
    pub async fn commit<const STATUS: u16, C: Content>(
        &self,
        mut transaction: Transaction,
        answer: Answer<STATUS, C>,
    ) -> Result<Once<Answer<STATUS, C>>, Stop> {
        let mut said = answer.said()?;
        if let Some(keyed) = &self.keyed {
            said = self.keep(&mut transaction, keyed, said).await?;
        }
        transaction.commit().await?;
        Ok(Once::new(said, Time::First))
    }

    /// Answers a request that made nothing.
    ///
    /// # Errors
    /// As [`begin`](Self::begin) and [`commit`](Self::commit).
    pub async fn answer<const STATUS: u16, C: Content>(
        &self,
        answer: Answer<STATUS, C>,
    ) -> Result<Once<Answer<STATUS, C>>, Stop> {
        match self.keyed {
            Some(_) => self.commit(self.begin().await?, answer).await,
            None => Ok(Once::new(answer.said()?, Time::First)),
        }
    }

    async fn keep(
        &self,
        transaction: &mut Transaction,
        keyed: &Keyed,
        said: Said,
    ) -> Result<Said, Problem> {
        let kept = Kept {
            request: keyed.request.clone(),
            said,
        };
        let plain = serde_json::to_vec(&kept).map_err(StoreError::from)?;
        let Sealed { envelope, by } = self
            .api
            .key_ring
            .seal(&plain, binding(keyed.tenant, &keyed.key));
        let answer = KeptAnswer {
            sealed: envelope,
            sealed_by: by,
        };
        idempotency_keys::keep(transaction, keyed.tenant, &keyed.key, &answer).await?;
        Ok(kept.said)
    }
}

/// The answer that was given to this request before.
async fn kept(
    api: &Api,
    tenant: TenantId,
    key: &str,
    request: &str,
) -> Result<Option<Said>, Problem> {
    let found = idempotency_keys::find(&mut *api.store.connect().await?, tenant, key).await?;
    let Some(KeptAnswer { sealed, sealed_by }) = found else {
        return Ok(None);
    };
    let opened = api.key_ring.open(&sealed, &sealed_by, binding(tenant, key));
    let plain = opened.map_err(|error| {
        tracing::error!(%error, "an answer that was kept does not open");
        Problem::internal()
    })?;
    let kept: Kept = serde_json::from_slice(&plain).map_err(StoreError::from)?;
    if kept.request == request {
        return Ok(Some(kept.said));
    }
    let detail =
        "This key came with another request before: repeat that one as it was, or take a new key.";
    Err(Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "idempotency-key-reused",
        detail,
    ))
}

fn binding(tenant_id: TenantId, key: &str) -> AnswerBinding<'_> {
    AnswerBinding { tenant_id, key }
}

/// Why a request goes no further.
#[derive(Debug)]
pub enum Stop {
    /// It is refused. Nothing was changed, nothing is kept: it may be repeated.
    Refused(Problem),
    /// It was answered before.
    Answered(Said),
}

impl<E: Into<Problem>> From<E> for Stop {
    fn from(cause: E) -> Self {
        Self::Refused(cause.into())
    }
}

impl Stop {
    /// The answer, where there is one.
    ///
    /// # Errors
    /// The refusal.
    pub fn answer<A>(self) -> Result<Once<A>, Problem> {
        match self {
            Self::Refused(problem) => Err(problem),
            Self::Answered(said) => Ok(Once::new(said, Time::Again)),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Time {
    First,
    Again,
}

/// An answer of this type, given for the first time or again.
pub struct Once<A> {
    said: Said,
    time: Time,
    answer: PhantomData<fn() -> A>,
}

impl<A> fmt::Debug for Once<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once")
            .field("time", &self.time)
            .finish_non_exhaustive()
    }
}

impl<A> Once<A> {
    fn new(said: Said, time: Time) -> Self {
        Self {
            said,
            time,
            answer: PhantomData,
        }
    }
}

impl<A> IntoResponse for Once<A> {
    fn into_response(self) -> Response {
        let mut response = self.said.into_response();
        if self.time == Time::Again {
            let headers = response.headers_mut();
            headers.insert(REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}

impl<A: ApiResponse> ApiResponse for Once<A> {
    fn meta() -> MetaResponses {
        let mut meta = A::meta();
        for response in &mut meta.responses {
            let about = "`true` where this answer was given before";
            response.headers.push(documented_header(REPLAYED, about));
        }
        meta
    }

    fn register(registry: &mut Registry) {
        A::register(registry);
    }
}

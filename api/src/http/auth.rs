//! Who asks: a bearer key, looked up by its digest, and what its scopes allow.

use std::sync::Arc;

use poem::Request;
use poem::http::{Method, StatusCode, header};
use poem_openapi::SecurityScheme;
use poem_openapi::auth::Bearer;
use rail_shared::domain::{Scope, TenantId};
use rail_shared::secrets::ApiKey;
use rail_shared::store::api_keys::{self, KeyGrant};
use rail_shared::store::audit::Actor;

use crate::http::front::Visit;
use crate::http::problem::Problem;
use crate::routes::BASE;
use crate::state::Api;

/// Where keys are made and revoked.
const KEYS: &str = "/api-keys";

/// An API key, presented as `Authorization: Bearer rail_…`. Reading needs its scope `read`, everything else `write`, and
/// keys themselves `admin`.
#[derive(SecurityScheme)]
#[oai(
    rename = "apiKey",
    ty = "bearer",
    bearer_format = "API key",
    checker = "admit"
)]
pub struct Caller(Actor);

impl Caller {
    /// Whose things it may see and change.
    pub fn tenant(&self) -> TenantId {
        self.0.grant.tenant_id
    }

    /// Who it is, for the audit log.
    pub fn actor(&self) -> &Actor {
        &self.0
    }
}

async fn admit(request: &Request, bearer: Bearer) -> poem::Result<Actor> {
    let (Some(api), Some(visit)) = (request.data::<Api>(), request.data::<Arc<Visit>>()) else {
        return Err(Problem::internal().into());
    };
    let grant = grant_of(api, &bearer.token)
        .await?
        .ok_or_else(unauthorized)?;
    visit.note_tenant(grant.tenant_id);
    let needed = scope_needed(request.method(), visit.path());
    if !grant.scopes.contains(&needed) {
        let detail = format!("This key lacks the scope {needed}.");
        return Err(Problem::new(StatusCode::FORBIDDEN, "insufficient-scope", detail).into());
    }
    Ok(Actor {
        grant,
        request_id: visit.request_id().to_owned(),
    })
}

async fn grant_of(api: &Api, token: &str) -> Result<Option<KeyGrant>, Problem> {
    let digest = ApiKey::presented(token).digest();
    if let Some(grant) = api.known_keys.remembered(&digest) {
        return Ok(Some(grant));
    }
    let grant = api_keys::grant(&mut *api.store.connect().await?, &digest).await?;
    if let Some(grant) = &grant {
        api.known_keys.remember(digest, grant.clone());
    }
    Ok(grant)
}

fn scope_needed(method: &Method, path: &str) -> Scope {
    let within = path.strip_prefix(BASE).unwrap_or_default();
    let keys = within.strip_prefix(KEYS);
    match *method {
        _ if keys.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) => Scope::Admin,
        Method::GET | Method::HEAD => Scope::Read,
        _ => Scope::Write,
    }
}

/// No key came with the request, or one that is not accepted.
pub fn unauthorized() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "unauthorized",
        "Present an API key that is not revoked: Authorization: Bearer rail_…",
    )
    .with_header(
        header::WWW_AUTHENTICATE,
        "Bearer realm=\"integrations-rail\"",
    )
}

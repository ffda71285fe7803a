//! What a file says of the vendor's webhooks, checked.

use crate::connectors::Session;
use crate::connectors::file::{Account, ConnectorFile, Form, OAuth, Piece, Signature, Webhook};

/// How notices are taken.
#[derive(Debug)]
pub(in crate::connectors) struct WebhookRules {
    pub file: Webhook,
    /// Where the operator says that the vendor is.
    pub operators_url: Option<String>,
}

impl WebhookRules {
    /// `None` where the file names no webhooks.
    ///
    /// # Errors
    /// Everything that is wrong with what it says of them.
    pub(in crate::connectors) fn of(
        file: &ConnectorFile,
        operators_url: Option<&str>,
    ) -> Result<Option<Self>, Vec<String>> {
        let Some(webhook) = &file.webhook else {
            return Ok(None);
        };
        let faults = faults(file, webhook);
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Some(Self {
            file: webhook.clone(),
            operators_url: operators_url.map(str::to_owned),
        }))
    }

    /// Whether an event says whose account it is about by a name that these credentials and settings do not have.
    pub(super) fn asks_for_facts(&self, session: &Session) -> bool {
        let forms = self.file.forms.iter();
        let mut accounts = forms.filter_map(|form| form.account.as_ref());
        accounts.any(|account| session.text(&account.is).is_none())
    }

    /// The entities that events of this type tell of by the file's own word.
    pub(super) fn named(&self, event_type: &str) -> impl Iterator<Item = &str> {
        let fits = move |pattern: &String| match pattern.strip_suffix('*') {
            Some(beginning) => event_type.starts_with(beginning),
            None => event_type == pattern,
        };
        let tells = self.file.tells.iter();
        tells
            .filter(move |(_, patterns)| patterns.iter().any(fits))
            .map(|(entity, _)| entity.as_str())
    }
}

fn faults(file: &ConnectorFile, webhook: &Webhook) -> Vec<String> {
    let mut faults = of_signature(&webhook.signature);
    let credential = match &webhook.signature {
        Signature::HmacSha256 { credential, .. } | Signature::Paypal { credential, .. } => {
            Some(credential)
        }
        Signature::JwtEs256 { .. } => None,
    };
    if let Some(credential) = credential
        && !file.credentials.contains_key(credential)
    {
        faults.push(format!("names {credential}, which is no credential"));
    }
    for entity in webhook.tells.keys() {
        if !file.entities.iter().any(|known| known.name == *entity) {
            faults.push(format!("tells of {entity}, which is no entity"));
        }
    }
    if webhook.forms.is_empty() {
        faults.push("lacks forms".to_owned());
    }
    let blurred = |form: &Form| form.id.is_none() && form.happened_at.is_none();
    if webhook.forms.iter().any(blurred) {
        faults.push("lacks an id, or happened_at, by which events are told apart".to_owned());
    }
    let accounts = webhook
        .forms
        .iter()
        .filter_map(|form| form.account.as_ref());
    for Account { is, .. } in accounts {
        let mut facts = file.oauth.iter().flat_map(OAuth::facts);
        let known = file.credentials.contains_key(is)
            || file.config.contains_key(is)
            || facts.any(|fact| fact == is);
        if !known {
            faults.push(format!(
                "names {is}, which is neither credential, setting nor fact"
            ));
        }
    }
    faults
        .into_iter()
        .map(|fault| format!("[webhook] {fault}"))
        .collect()
}

fn of_signature(signature: &Signature) -> Vec<String> {
    let mut faults = Vec::new();
    match signature {
        Signature::HmacSha256 { over, time, .. } => {
            if let Some(time) = time
                && time.field.is_some() == time.header.is_some()
            {
                faults.push("names either a field or a header for the time");
            }
            // A time that is not signed may be any, and one that is nowhere is none.
            if time.is_some() != over.0.contains(&Piece::Time) {
                faults.push("names a time and signs it, or neither");
            }
        }
        Signature::Paypal { certificates, .. } => {
            let is_good = |place: &String| place.starts_with("https://") && place.ends_with('/');
            if !certificates.iter().all(is_good) {
                faults.push(
                    "has certificates in places that begin with https:// and end with a slash",
                );
            }
        }
        Signature::JwtEs256 { .. } => {}
    }
    faults.into_iter().map(str::to_owned).collect()
}

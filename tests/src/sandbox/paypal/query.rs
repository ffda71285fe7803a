//! Query parameters and what is wrong with them.

use chrono::DateTime;

use super::errors::PayPalError;
use crate::sandbox::exchange::Request;

/// Refuses parameters that are not among these: to ignore one would let a test pass for the wrong reason.
pub(super) fn only(request: &Request, known: &[&str]) -> Result<(), PayPalError> {
    match request
        .query
        .iter()
        .find(|(name, _)| !known.contains(&name.as_str()))
    {
        Some((name, _)) => Err(PayPalError::not_in_the_sandbox(name)),
        None => Ok(()),
    }
}

/// A whole number from 1 to `most`.
pub(super) fn number(
    request: &Request,
    name: &str,
    default: usize,
    most: usize,
) -> Result<usize, PayPalError> {
    let Some(text) = request.parameter(name) else {
        return Ok(default);
    };
    text.parse()
        .ok()
        .filter(|number| (1..=most).contains(number))
        .ok_or_else(|| {
            let range = format!("The value must be a whole number from 1 to {most}.");
            PayPalError::parameter(name, text, "INVALID_PARAMETER_VALUE", &range)
        })
}

/// `true` or `false`.
pub(super) fn flag(request: &Request, name: &str) -> Result<bool, PayPalError> {
    match request.parameter(name) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(text) => Err(PayPalError::parameter(
            name,
            text,
            "INVALID_PARAMETER_VALUE",
            "The value must be true or false.",
        )),
    }
}

/// A time, where one is given.
pub(super) fn time(request: &Request, name: &str) -> Result<Option<i64>, PayPalError> {
    let Some(text) = request.parameter(name) else {
        return Ok(None);
    };
    moment(text).map(Some).ok_or_else(|| {
        let form = "The value must be an internet date and time with seconds and an offset.";
        PayPalError::parameter(name, text, "INVALID_PARAMETER_SYNTAX", form)
    })
}

/// The Unix second of a time with seconds and an offset, with or without a colon in the offset. A `+` that was not
/// encoded arrives as a space and is no offset.
pub(super) fn moment(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"))
        .ok()
        .filter(|_| text.len() >= 20)
        .map(|time| time.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_needs_seconds_and_an_offset_and_a_space_is_no_plus() {
        let noon = Some(1_735_732_800);
        for right in [
            "2025-01-01T12:00:00Z",
            "2025-01-01T12:00:00.000Z",
            "2025-01-01T14:00:00+02:00",
            "2025-01-01T12:00:00-0000",
        ] {
            assert_eq!(moment(right), noon, "{right}");
        }
        for wrong in [
            "2025-01-01",
            "2025-01-01T12:00:00",
            "2025-01-01T12:00Z",
            "2025-01-01T12:00:00 00:00",
        ] {
            assert_eq!(moment(wrong), None, "{wrong}");
        }
    }
}

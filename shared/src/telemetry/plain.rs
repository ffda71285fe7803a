//! One event, one line of text without colours, as tracing's own format has it. That one writes every piece of a
//! field through a style, also where there is none: nearly twice the work, for every request.

use std::error::Error;
use std::fmt::{self, Debug, Write};

use chrono::{DateTime, Datelike, Timelike, Utc};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use crate::domain::Clock;

/// `2026-11-25T02:08:41.000123Z  INFO job{attempt=1}: rail_worker::runtime: settled outcome=Done`
pub(super) struct Plain(pub Clock);

impl<S, N> FormatEvent<S, N> for Plain
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let of = event.metadata();
        writer.write_str(std::str::from_utf8(&digits(self.0.now())).unwrap_or_default())?;
        writer.write_str(match *of.level() {
            Level::TRACE => " TRACE ",
            Level::DEBUG => " DEBUG ",
            Level::INFO => "  INFO ",
            Level::WARN => "  WARN ",
            Level::ERROR => " ERROR ",
        })?;
        let mut seen = false;
        for span in context
            .event_scope()
            .into_iter()
            .flat_map(|scope| scope.from_root())
        {
            seen = true;
            writer.write_str(span.name())?;
            if let Some(fields) = span.extensions().get::<FormattedFields<N>>()
                && !fields.is_empty()
            {
                write!(writer, "{{{fields}}}")?;
            }
            writer.write_char(':')?;
        }
        if seen {
            writer.write_char(' ')?;
        }
        writer.write_str(of.target())?;
        writer.write_char(':')?;
        let mut fields = Fields {
            out: writer,
            outcome: Ok(()),
        };
        event.record(&mut fields);
        fields.outcome?;
        fields.out.write_char('\n')
    }
}

/// RFC 3339 with microseconds.
fn digits(at: DateTime<Utc>) -> [u8; 27] {
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    let micros = at.nanosecond() / 1_000 % 1_000_000;
    for (end, mut number) in [
        (4, at.year().unsigned_abs()),
        (7, at.month()),
        (10, at.day()),
        (13, at.hour()),
        (16, at.minute()),
        (19, at.second()),
        (26, micros),
    ] {
        let mut place = end;
        while number > 0 && place > 0 {
            place -= 1;
            text[place] = b"0123456789"[(number % 10) as usize];
            number /= 10;
        }
    }
    text
}

/// Writes a space and the field, one after the other.
struct Fields<'w> {
    out: Writer<'w>,
    outcome: fmt::Result,
}

impl Fields<'_> {
    fn field(&mut self, field: &Field, value: impl FnOnce(&mut Escaped<'_, '_>) -> fmt::Result) {
        if self.outcome.is_ok() {
            self.outcome =
                name(&mut self.out, field.name()).and_then(|()| value(&mut Escaped(&mut self.out)));
        }
    }
}

fn name(out: &mut Writer<'_>, name: &str) -> fmt::Result {
    out.write_char(' ')?;
    if name == "message" {
        return Ok(());
    }
    out.write_str(name.strip_prefix("r#").unwrap_or(name))?;
    out.write_char('=')
}

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        let plain = !value.bytes().any(|byte| matches!(byte, b'"' | b'\\'));
        self.field(field, |out| match field.name() {
            "message" => out.write_str(value),
            _ if plain => {
                out.write_char('"')?;
                out.write_str(value)?;
                out.write_char('"')
            }
            _ => write!(out, "{value:?}"),
        });
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.field(field, |out| write!(out, "{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.field(field, |out| write!(out, "{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.field(field, |out| write!(out, "{value}"));
    }

    fn record_error(&mut self, field: &Field, error: &(dyn Error + 'static)) {
        self.field(field, |out| {
            write!(out, "{error}")?;
            let mut source = error.source();
            if source.is_some() {
                write!(out, " {}.sources=[", field.name())?;
                while let Some(cause) = source {
                    write!(out, "{cause}")?;
                    source = cause.source();
                    out.write_str(if source.is_some() { ", " } else { "]" })?;
                }
            }
            Ok(())
        });
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.field(field, |out| write!(out, "{value:?}"));
    }
}

/// What comes from outside neither begins a line nor moves the cursor of who reads it.
struct Escaped<'a, 'w>(&'a mut Writer<'w>);

impl Write for Escaped<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // The second block of control characters begins with 0xc2 in UTF-8.
        if !text
            .bytes()
            .any(|byte| byte < b' ' || matches!(byte, 0x7f | 0xc2))
        {
            return self.0.write_str(text);
        }
        for letter in text.chars() {
            if letter.is_control() {
                write!(self.0, "{}", letter.escape_default())?;
            } else {
                self.0.write_char(letter)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What stands in the log after `tell`, once in our format and once in tracing's.
    fn twice(tell: impl Fn()) -> [String; 2] {
        let (ours, theirs) = (Written::default(), Written::default());
        let clock = Clock::held_at("2026-01-02T03:04:05.006Z".parse().unwrap());
        let (to_us, to_them) = (ours.clone(), theirs.clone());
        let fmt = || tracing_subscriber::fmt().with_ansi(false);
        let us = fmt()
            .event_format(Plain(clock))
            .with_writer(move || to_us.clone());
        let them = fmt().with_writer(move || to_them.clone());
        tracing::subscriber::with_default(us.finish(), &tell);
        tracing::subscriber::with_default(them.finish(), &tell);
        [ours, theirs].map(|written| String::from_utf8(written.0.lock().unwrap().clone()).unwrap())
    }

    #[test]
    fn a_line_reads_as_in_tracings_own_format() {
        let lines = twice(|| {
            let span = tracing::info_span!("job", job.id = %"job_1", attempt = 2);
            let bare = tracing::info_span!("bare");
            let error = io::Error::other("it broke");
            let error: &dyn Error = &error;
            span.in_scope(|| {
                bare.in_scope(|| {
                    tracing::warn!(
                        status = 200_u16,
                        path = "/a \"b\" ä",
                        left = -1,
                        yes = true,
                        "answered"
                    );
                });
            });
            tracing::info!(error, request.id = %"req_1", some = ?Some(1), "told {}", "of it");
            tracing::error!(nothing = None::<u64>, "over");
        });
        let [ours, theirs] = lines.each_ref().map(|lines| {
            lines
                .lines()
                .map(|line| line.split_once('Z').unwrap())
                .collect::<Vec<_>>()
        });
        assert_eq!(ours.len(), 3);
        for ((at, ours), (_, theirs)) in ours.into_iter().zip(theirs) {
            assert_eq!(at, "2026-01-02T03:04:05.006000");
            assert_eq!(ours, theirs);
        }
    }

    #[test]
    fn an_errors_causes_are_told() {
        #[derive(Debug, thiserror::Error)]
        #[error("outside")]
        struct Outside(#[source] io::Error);
        let [ours, theirs] = twice(|| {
            let error = Outside(io::Error::other("inside"));
            tracing::info!(error = &error as &dyn Error, "failed");
        });
        assert!(
            ours.ends_with(" failed error=outside error.sources=[inside]\n"),
            "{ours}"
        );
        assert!(
            theirs.ends_with(" failed error=outside error.sources=[inside]\n"),
            "{theirs}"
        );
    }

    #[test]
    fn what_comes_from_outside_cannot_begin_a_line_or_colour_it() {
        let [ours, _] = twice(|| {
            tracing::info!(id = %"a\nb\u{1b}[31m\u{9b}c", path = "d\n\u{7f}", "e\rf");
        });
        assert_eq!(ours.lines().count(), 1, "{ours}");
        assert!(!ours.trim_end().chars().any(char::is_control), "{ours:?}");
        assert!(ours.contains(r"id=a\nb\u{1b}[31m\u{9b}c"), "{ours}");
    }
}

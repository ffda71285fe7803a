//! Where log lines go. They are gathered for a moment and written together by a thread of their own, because to write one
//! costs a call of the system, and threads that write to the same file wait for each other. A warning or an error is
//! written before the program goes on, and so is all that came before it: who dies of something has told of it.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// How long a line waits for others at most.
const LINGER: Duration = Duration::from_millis(10);
/// Where so many bytes wait, whoever has a further line writes them: lines are not taken in faster than they go out.
const AT_MOST: usize = 256 * 1024;

/// The way out of the process. Cheap to clone.
#[derive(Clone)]
pub(super) struct Lines(Arc<Shared>);

struct Shared {
    waiting: Mutex<Waiting>,
    /// Something waits, or nothing is to wait any more.
    changed: Condvar,
    /// Held while lines are taken and written, so that they stay in order.
    out: Mutex<Box<dyn Write + Send>>,
}

struct Waiting {
    bytes: Vec<u8>,
    gathering: bool,
}

impl Lines {
    /// Gathers lines for `out`.
    ///
    /// # Errors
    /// When there cannot be a further thread.
    pub(super) fn gathered(out: impl Write + Send + 'static) -> io::Result<Self> {
        let lines = Self(Arc::new(Shared {
            waiting: Mutex::new(Waiting {
                bytes: Vec::new(),
                gathering: true,
            }),
            changed: Condvar::new(),
            out: Mutex::new(Box::new(out)),
        }));
        let gathered = lines.clone();
        std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || gathered.write_out())?;
        Ok(lines)
    }

    /// Writes what waits; from now on every line is written at once.
    pub(super) fn gather_no_more(&self) {
        self.waiting().gathering = false;
        self.0.changed.notify_one();
        self.flush();
    }

    fn push(&self, line: &[u8], at_once: bool) {
        let mut waiting = self.waiting();
        if waiting.bytes.is_empty() && !at_once {
            self.0.changed.notify_one();
        }
        waiting.bytes.extend_from_slice(line);
        if at_once || !waiting.gathering || waiting.bytes.len() >= AT_MOST {
            drop(waiting);
            self.flush();
        }
    }

    fn write_out(&self) {
        let mut waiting = self.waiting();
        while waiting.gathering {
            if waiting.bytes.is_empty() {
                let woken = self.0.changed.wait(waiting);
                waiting = woken.unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let lingered = self
                .0
                .changed
                .wait_timeout_while(waiting, LINGER, |waiting| waiting.gathering);
            drop(lingered);
            self.flush();
            waiting = self.waiting();
        }
    }

    fn flush(&self) {
        let mut out = self.0.out.lock().unwrap_or_else(PoisonError::into_inner);
        let mut waiting = self.waiting();
        let room = Vec::with_capacity(waiting.bytes.len().min(AT_MOST));
        let bytes = std::mem::replace(&mut waiting.bytes, room);
        drop(waiting);
        // There is nobody to tell that nobody can be told.
        let _ = out.write_all(&bytes).and_then(|()| out.flush());
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The way of one line.
pub(super) struct Line<'a> {
    lines: &'a Lines,
    at_once: bool,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line {
            lines: self,
            at_once: true,
        }
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Line<'a> {
        Line {
            lines: self,
            at_once: *meta.level() <= Level::WARN,
        }
    }
}

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.lines.push(line, self.at_once);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Hands on each write as one piece.
    struct Written(mpsc::Sender<String>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if !bytes.is_empty() {
                let _ = self.0.send(String::from_utf8_lossy(bytes).into_owned());
            }
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lines() -> (Lines, mpsc::Receiver<String>) {
        let (write, written) = mpsc::channel();
        (Lines::gathered(Written(write)).unwrap(), written)
    }

    #[test]
    fn a_line_comes_out_by_itself_also_after_others_did() {
        let (lines, written) = lines();
        for turn in ["first", "second"] {
            for line in 0..3 {
                lines.push(format!("{turn} {line}\n").as_bytes(), false);
            }
            let mut seen = String::new();
            while seen.len() < 3 * (turn.len() + 3) {
                seen += &written.recv_timeout(Duration::from_secs(20)).unwrap();
            }
            assert_eq!(seen, format!("{turn} 0\n{turn} 1\n{turn} 2\n"));
        }
    }

    #[test]
    fn what_must_not_wait_is_written_before_the_call_returns_with_all_that_came_before() {
        let (lines, written) = lines();
        let mut seen = String::new();
        let mut expected = String::new();
        for number in 0..1_000 {
            let (info, warning) = (format!("info {number}\n"), format!("warning {number}\n"));
            lines.push(info.as_bytes(), false);
            lines.push(warning.as_bytes(), true);
            expected += &(info + &warning);
            seen.extend(written.try_iter());
            assert_eq!(seen, expected);
        }
    }

    #[test]
    fn no_line_is_lost_or_out_of_order_at_the_end_nor_after_it() {
        let (lines, written) = lines();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let lines = &lines;
                scope.spawn(move || {
                    for number in 0..5_000 {
                        lines.push(format!("{thread} {number}\n").as_bytes(), false);
                    }
                });
            }
        });
        lines.gather_no_more();
        lines.push(b"after\n", false);
        let seen: String = written.try_iter().collect();
        for thread in 0..4 {
            let of_thread: Vec<&str> = seen
                .lines()
                .filter_map(|line| line.strip_prefix(&format!("{thread} ")))
                .collect();
            let expected: Vec<String> = (0..5_000).map(|number| number.to_string()).collect();
            assert_eq!(of_thread, expected);
        }
        assert!(seen.ends_with("after\n"));
    }
}

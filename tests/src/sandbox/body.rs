//! Bodies that end well, stall, or break off, on connections that can be reset.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

/// How a body that is not whole ends.
#[derive(Debug, Clone)]
pub(super) enum Ending {
    /// Never: the caller waits.
    Stalls,
    /// By a reset of this connection.
    Resets(ResetSwitch),
}

/// A response body.
#[derive(Debug)]
pub(super) enum AnswerBody {
    /// Sent whole.
    Whole(Option<Bytes>),
    /// The first part of a body, then its ending.
    Broken {
        /// What is still to be sent.
        part: Option<Bytes>,
        /// Whether the part was given time to leave.
        flushed: bool,
        /// What happens then.
        ending: Ending,
    },
    /// A body that comes in small pieces.
    Trickled {
        /// What is still to be sent.
        rest: Bytes,
        /// So many bytes at a time.
        piece: usize,
        /// Between two pieces.
        pause: Duration,
        /// The pause under way.
        sleep: Pin<Box<Sleep>>,
    },
    /// A body of one long string, made while it is sent.
    Huge {
        /// Bytes of the string still to be sent.
        left: u64,
        /// What is around it, in turn.
        frame: Frames,
    },
}

/// Where a huge body stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Frames {
    /// Before the string.
    Opening,
    /// In it.
    Filling,
    /// All was sent.
    Closed,
}

const OPENING: &[u8] = br#"{"object":"list","data":[{"id":"huge_1","text":""#;
const CLOSING: &[u8] = br#""}],"has_more":false}"#;
/// What the string consists of.
static FILLING: [u8; 64 * 1024] = [b'x'; 64 * 1024];

impl AnswerBody {
    /// A body in pieces of a twentieth, with a pause before each.
    pub(super) fn trickled(body: Bytes, pause: Duration) -> Self {
        Self::Trickled {
            piece: body.len().div_ceil(20).max(1),
            rest: body,
            pause,
            sleep: Box::pin(tokio::time::sleep(pause)),
        }
    }

    /// A list of one record with a string of so many bytes, never in memory as a whole.
    pub(super) fn huge(bytes: u64) -> Self {
        Self::Huge {
            left: bytes,
            frame: Frames::Opening,
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Broken {
                part,
                flushed,
                ending,
            } => {
                if let Some(part) = part.take() {
                    return Poll::Ready(Some(Ok(Frame::data(part))));
                }
                match ending {
                    Ending::Stalls => Poll::Pending,
                    Ending::Resets(_) if !*flushed => {
                        // hyper writes out what it has when a body has nothing ready yet.
                        *flushed = true;
                        cx.waker().wake_by_ref();
                        Poll::Pending
                    }
                    Ending::Resets(switch) => {
                        switch.press();
                        Poll::Ready(Some(Err(io::Error::other(
                            "a fault resets this connection",
                        ))))
                    }
                }
            }
            Self::Trickled { rest, .. } if rest.is_empty() => Poll::Ready(None),
            Self::Trickled {
                rest,
                piece,
                pause,
                sleep,
            } => {
                ready!(sleep.as_mut().poll(cx));
                sleep.set(tokio::time::sleep(*pause));
                let piece = rest.split_to(rest.len().min(*piece));
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            Self::Huge { left, frame } => Poll::Ready(
                next_of_huge(left, frame).map(|piece| Ok(Frame::data(Bytes::from_static(piece)))),
            ),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Self::Trickled { rest, .. } => SizeHint::with_exact(rest.len() as u64),
            Self::Broken { .. } | Self::Huge { .. } => SizeHint::default(),
        }
    }
}

fn next_of_huge(left: &mut u64, frame: &mut Frames) -> Option<&'static [u8]> {
    match frame {
        Frames::Opening => {
            *frame = Frames::Filling;
            Some(OPENING)
        }
        Frames::Filling if *left == 0 => {
            *frame = Frames::Closed;
            Some(CLOSING)
        }
        Frames::Filling => {
            let piece =
                usize::try_from(*left).map_or(FILLING.len(), |left| left.min(FILLING.len()));
            *left -= piece as u64;
            Some(&FILLING[..piece])
        }
        Frames::Closed => None,
    }
}

/// Tells a connection to end with a reset instead of a farewell.
#[derive(Debug, Clone, Default)]
pub(super) struct ResetSwitch(Arc<AtomicBool>);

impl ResetSwitch {
    /// From now on, dropping the connection resets it.
    pub(super) fn press(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A TCP connection with such a switch.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    switch: ResetSwitch,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, switch: ResetSwitch) -> Self {
        Self { stream, switch }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.switch.0.load(Ordering::Relaxed) {
            // Closing with no time to linger sends RST. Should it fail, the caller sees an early end: a fault as well.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.switch.0.load(Ordering::Relaxed) {
            // A farewell would spoil the reset.
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

//! Sockets on which nothing happens are closed. poem's server can do that too, but wakes a task of its own with every read
//! and write. Here the clock is looked at, and one timer is set a minute.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use poem::http::uri::Scheme;
use poem::listener::{Acceptor, TcpAcceptor};
use poem::web::{LocalAddr, RemoteAddr};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// Hands out sockets that end when nothing was sent or received for so long.
pub struct Watched {
    acceptor: TcpAcceptor,
    limit: Duration,
}

impl Watched {
    /// With this limit.
    pub fn new(acceptor: TcpAcceptor, limit: Duration) -> Self {
        Self { acceptor, limit }
    }
}

impl Acceptor for Watched {
    type Io = Socket<<TcpAcceptor as Acceptor>::Io>;

    fn local_addr(&self) -> Vec<LocalAddr> {
        self.acceptor.local_addr()
    }

    async fn accept(&mut self) -> io::Result<(Self::Io, LocalAddr, RemoteAddr, Scheme)> {
        let (io, local, remote, scheme) = self.acceptor.accept().await?;
        Ok((Socket::new(io, self.limit), local, remote, scheme))
    }
}

/// A socket that ends with an error when nothing was sent or received for so long while it is waited for.
pub struct Socket<T> {
    io: T,
    limit: Duration,
    /// When something was last sent or received.
    active: Instant,
    /// When to look next.
    look: Pin<Box<Sleep>>,
}

impl<T> Socket<T> {
    fn new(io: T, limit: Duration) -> Self {
        Self {
            io,
            limit,
            active: Instant::now(),
            look: Box::pin(tokio::time::sleep(limit)),
        }
    }

    /// Ready when the limit is reached. Until then whoever asks is woken when it may be.
    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        loop {
            ready!(self.look.as_mut().poll(cx));
            let ends = self.active + self.limit;
            if ends <= Instant::now() {
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
            self.look.as_mut().reset(ends);
        }
    }

    /// What came of sending or receiving, unless nothing did for too long.
    fn watched<R>(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        match outcome {
            Poll::Ready(done) => {
                self.active = Instant::now();
                Poll::Ready(done)
            }
            Poll::Pending => self.poll_idle(cx).map(Err),
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Socket<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.io).poll_read(cx, buf);
        self.watched(cx, read)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Socket<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, buf);
        self.watched(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.watched(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn a_socket_on_which_nothing_happens_ends_and_one_that_is_used_does_not() {
        let (mut client, server) = duplex(64);
        let mut server = Socket::new(server, LIMIT);
        let begun = Instant::now();
        let mut byte = [0];
        for _ in 0..5 {
            tokio::time::sleep(LIMIT / 2).await;
            client.write_all(b"?").await.unwrap();
            server.read_exact(&mut byte).await.unwrap();
            tokio::time::sleep(LIMIT * 3 / 4).await;
            server.write_all(b"!").await.unwrap();
            client.read_exact(&mut byte).await.unwrap();
        }
        let last = Instant::now();
        assert!(last - begun > 4 * LIMIT);

        let ended = server.read_exact(&mut byte).await.unwrap_err();

        assert_eq!(ended.kind(), io::ErrorKind::TimedOut);
        assert_eq!(last.elapsed().as_secs(), LIMIT.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_who_does_not_take_the_answer_is_not_waited_for() {
        let (_client, server) = duplex(64);
        let mut server = Socket::new(server, LIMIT);
        let ended = server.write_all(&[0; 65]).await.unwrap_err();
        assert_eq!(ended.kind(), io::ErrorKind::TimedOut);
    }
}

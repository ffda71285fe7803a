//! A TCP proxy that makes a network as bad as a test wants it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Forwards every connection to one address. It ends, and its connections break, when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    _stop: DropGuard,
}

#[derive(Debug)]
struct Shared {
    rules: Mutex<Rules>,
    /// Raised to cut all connections that stand.
    cuts: watch::Sender<u64>,
    /// Whether nothing passes.
    silent: watch::Sender<bool>,
    answers_dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct Rules {
    latency: Duration,
    refuses: bool,
    drops: Option<AnswerDrop>,
    cut_after_bytes: Option<u64>,
}

/// Which answers are dropped.
#[derive(Debug)]
struct AnswerDrop {
    /// What the client sends before such an answer.
    asked_by: Vec<u8>,
    every: u64,
    seen: u64,
}

impl Proxy {
    /// Listens on a free loopback port and forwards to `target`.
    ///
    /// # Panics
    /// When it cannot listen.
    pub async fn start(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its number");
        let shared = Arc::new(Shared {
            rules: Mutex::default(),
            cuts: watch::Sender::new(0),
            silent: watch::Sender::new(false),
            answers_dropped: AtomicU64::new(0),
        });
        let stop = CancellationToken::new();
        let accepting = accept(listener, target.to_owned(), Arc::clone(&shared));
        tokio::spawn(stop.clone().run_until_cancelled_owned(accepting));
        Self {
            address,
            shared,
            _stop: stop.drop_guard(),
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on every piece that passes, in either direction, comes this much later.
    pub fn delay(&self, latency: Duration) {
        self.shared.rules().latency = latency;
    }

    /// Cuts every connection that stands, with a reset.
    pub fn cut(&self) {
        self.shared.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// From now on new connections are reset, or taken again.
    pub fn refuse(&self, refuses: bool) {
        self.shared.rules().refuses = refuses;
    }

    /// From now on nothing passes and nobody is told, or what waited passes and the rest too.
    pub fn silence(&self, silent: bool) {
        self.shared.silent.send_replace(silent);
    }

    /// From now on, of what the clients send, every `every`-th piece that holds these bytes reaches the server, but its
    /// answer is dropped and the connection cut: the client cannot know whether it was done.
    pub fn drop_answers_of(&self, asked_by: &[u8], every: u64) {
        self.shared.rules().drops = Some(AnswerDrop {
            asked_by: asked_by.to_owned(),
            every,
            seen: 0,
        });
    }

    /// From now on answers pass.
    pub fn keep_answers(&self) {
        self.shared.rules().drops = None;
    }

    /// How many answers were dropped.
    #[must_use]
    pub fn answers_dropped(&self) -> u64 {
        self.shared.answers_dropped.load(Ordering::Relaxed)
    }

    /// Cuts, once, the connection on which the server's answers reach so many bytes from now on, all connections counted.
    pub fn cut_after_bytes(&self, bytes: u64) {
        self.shared.rules().cut_after_bytes = Some(bytes);
    }
}

impl Shared {
    fn rules(&self) -> MutexGuard<'_, Rules> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn lets_pass(&self) {
        let mut silent = self.silent.subscribe();
        // It ends only with the proxy.
        let _ = silent.wait_for(|silent| !silent).await;
        let latency = self.rules().latency;
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
    }

    /// Whether the answer to what the client sends here is to be dropped.
    fn drops_answer_to(&self, bytes: &[u8]) -> bool {
        let mut rules = self.rules();
        let Some(drops) = &mut rules.drops else {
            return false;
        };
        let asked_by = &drops.asked_by;
        if !bytes.windows(asked_by.len()).any(|piece| piece == asked_by) {
            return false;
        }
        drops.seen += 1;
        drops.seen.is_multiple_of(drops.every)
    }

    /// Whether the connection these bytes of the server belong to is to be cut before them.
    fn cuts_before(&self, bytes: usize) -> bool {
        let mut rules = self.rules();
        let Some(left) = rules.cut_after_bytes else {
            return false;
        };
        rules.cut_after_bytes = left.checked_sub(bytes as u64).filter(|left| *left > 0);
        rules.cut_after_bytes.is_none()
    }
}

async fn accept(listener: TcpListener, target: String, shared: Arc<Shared>) {
    let ends_with_this = CancellationToken::new();
    let _guard = ends_with_this.clone().drop_guard();
    loop {
        let Ok((client, _)) = listener.accept().await else {
            continue;
        };
        let (target, shared) = (target.clone(), Arc::clone(&shared));
        let ends = ends_with_this.clone();
        tokio::spawn(async move {
            ends.run_until_cancelled(forward(client, &target, &shared))
                .await;
        });
    }
}

async fn forward(client: TcpStream, target: &str, shared: &Shared) {
    // Closing with no time to linger sends RST; on failure the other side sees an early end, a cut as well.
    let _ = client.set_zero_linger();
    if shared.rules().refuses {
        return;
    }
    let Ok(server) = TcpStream::connect(target).await else {
        return;
    };
    let _ = (server.set_nodelay(true), client.set_nodelay(true));
    let _ = server.set_zero_linger();
    let mut cuts = shared.cuts.subscribe();
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let drops_answer = AtomicBool::new(false);
    let both = async {
        tokio::try_join!(
            requests(from_client, to_server, shared, &drops_answer),
            answers(from_server, to_client, shared, &drops_answer),
        )
    };
    tokio::select! {
        _ = both => {}
        _ = cuts.changed() => {}
    }
}

/// What ends both directions at once.
struct Cut;

async fn requests(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    shared: &Shared,
    drops_answer: &AtomicBool,
) -> Result<(), Cut> {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        shared.lets_pass().await;
        let bytes = &buffer[..read];
        if shared.drops_answer_to(bytes) {
            drops_answer.store(true, Ordering::SeqCst);
        }
        if to.write_all(bytes).await.is_err() {
            break;
        }
    }
    // The server is told that the client is done.
    let _ = to.shutdown().await;
    Ok(())
}

async fn answers(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    shared: &Shared,
    drops_answer: &AtomicBool,
) -> Result<(), Cut> {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        shared.lets_pass().await;
        if drops_answer.load(Ordering::SeqCst) {
            shared.answers_dropped.fetch_add(1, Ordering::Relaxed);
            return Err(Cut);
        }
        if shared.cuts_before(read) {
            return Err(Cut);
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            break;
        }
    }
    // A server that hangs up hangs up on a client that has more to say, too.
    Err(Cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that says everything back.
    async fn echo() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                });
            }
        });
        address
    }

    async fn say(stream: &mut TcpStream, words: &str) -> std::io::Result<String> {
        stream.write_all(words.as_bytes()).await?;
        let mut heard = vec![0; words.len()];
        stream.read_exact(&mut heard).await?;
        Ok(String::from_utf8_lossy(&heard).into_owned())
    }

    #[tokio::test]
    async fn what_is_not_harmed_passes_and_a_cut_is_a_reset_for_those_that_stand() {
        let proxy = Proxy::start(&echo().await).await;
        let mut one = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(say(&mut one, "hello").await.unwrap(), "hello");
        proxy.cut();
        assert!(one.read_u8().await.is_err());
        let mut other = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(say(&mut other, "again").await.unwrap(), "again");
        proxy.refuse(true);
        let mut refused = TcpStream::connect(proxy.address()).await.unwrap();
        assert!(say(&mut refused, "no").await.is_err());
        assert_eq!(say(&mut other, "still").await.unwrap(), "still");
    }

    #[tokio::test]
    async fn the_answer_of_every_second_commit_is_dropped() {
        let proxy = Proxy::start(&echo().await).await;
        proxy.drop_answers_of(b"COMMIT", 2);
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        for words in ["BEGIN", "COMMIT", "BEGIN"] {
            assert_eq!(say(&mut stream, words).await.unwrap(), words);
        }
        assert!(say(&mut stream, "COMMIT").await.is_err());
        assert_eq!(proxy.answers_dropped(), 1);
        proxy.keep_answers();
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        for _ in 0..4 {
            assert!(say(&mut stream, "COMMIT").await.is_ok());
        }
    }

    #[tokio::test]
    async fn a_silent_network_loses_nothing_and_an_answer_can_break_off() {
        let proxy = Proxy::start(&echo().await).await;
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        proxy.silence(true);
        stream.write_all(b"x").await.unwrap();
        let heard = tokio::time::timeout(Duration::from_millis(50), stream.read_u8()).await;
        assert!(heard.is_err(), "nothing passes");
        proxy.silence(false);
        assert_eq!(stream.read_u8().await.unwrap(), b'x');
        proxy.cut_after_bytes(6);
        assert!(say(&mut stream, "four").await.is_ok());
        assert!(say(&mut stream, "more").await.is_err());
    }
}

//! The operations behind the front, on a listener.

use std::future::Future;
use std::time::Duration;

use poem::endpoint::make_sync;
use poem::listener::TcpAcceptor;
use poem::web::Html;
use poem::{Endpoint, EndpointExt, Response, Route, Server, get};
use tokio::net::TcpListener;

use crate::front::Front;
use crate::openapi::{self, Paths};
use crate::state::Api;

/// Connections on which nothing happens for so long are closed.
const IDLE_LIMIT: Duration = Duration::from_secs(60);
/// How long requests in flight may go on after the signal to stop.
const FINISH_WITHIN: Duration = Duration::from_secs(25);
/// How long rings that wait may take to be pushed after that.
const RING_WITHIN: Duration = Duration::from_secs(2);

/// Everything the api answers, to be called in process or served.
pub fn app(api: Api) -> impl Endpoint<Output = Response> + 'static {
    let document = openapi::document();
    let front = Front::new(Paths::of(&document));
    let text = openapi::document_text();
    let page = openapi::page(&text);
    let document = make_sync(move |_| {
        Response::builder()
            .content_type("application/json")
            .body(text.clone())
    });
    Route::new()
        .nest("/", openapi::service())
        .at("/openapi.json", get(document))
        .at("/docs", get(make_sync(move |_| Html(page.clone()))))
        .data(api)
        .with(front)
}

/// Answers requests until `shutdown` is ready; then takes no more, finishes those in flight and pushes the rings that
/// wait.
///
/// # Errors
/// When the listener cannot be used.
pub async fn serve(
    listener: TcpListener,
    api: Api,
    shutdown: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let ringer = api.ringer.clone();
    let served = Server::new_with_acceptor(TcpAcceptor::from_tokio(listener)?)
        .idle_timeout(IDLE_LIMIT)
        .run_with_graceful_shutdown(app(api), shutdown, Some(FINISH_WITHIN))
        .await;
    ringer.close(RING_WITHIN).await;
    served
}

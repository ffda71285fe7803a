//! The operations behind the front, on a listener.

use std::future::Future;
use std::time::Duration;

use poem::endpoint::make_sync;
use poem::listener::TcpAcceptor;
use poem::web::Html;
use poem::{Endpoint, EndpointExt, IntoEndpoint, Request, Response, Route, Server, get};
use tokio::net::TcpListener;

use crate::http::front::Front;
use crate::idle::Watched;
use crate::openapi::{self, Paths};
use crate::state::Api;

/// The OpenAPI document.
const DOCUMENT: &str = "/openapi.json";
/// The page that shows it.
const PAGE: &str = "/docs";
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
    let pages = Route::new()
        .at(DOCUMENT, get(document))
        .at(PAGE, get(make_sync(move |_| Html(page.clone()))));
    Site {
        operations: openapi::service().into_endpoint(),
        pages,
    }
    .data(api)
    .with(front)
}

/// The operations, and the pages beside them. Not nested routes: those write the URI of every request anew.
struct Site<O> {
    operations: O,
    pages: Route,
}

impl<O: Endpoint<Output = Response>> Endpoint for Site<O> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        match request.uri().path() {
            DOCUMENT | PAGE => self.pages.call(request).await,
            _ => self.operations.call(request).await,
        }
    }
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
    let (ringer, stopping) = (api.ringer.clone(), api.stopping.clone());
    let shutdown = async move {
        shutdown.await;
        stopping.cancel();
    };
    let watched = Watched::new(TcpAcceptor::from_tokio(listener)?, IDLE_LIMIT);
    let served = Server::new_with_acceptor(watched)
        .run_with_graceful_shutdown(app(api), shutdown, Some(FINISH_WITHIN))
        .await;
    ringer.close(RING_WITHIN).await;
    served
}

//! A store that speaks as much of S3 as an export needs, takes everything and keeps nothing.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Context;
use poem::http::Method;
use poem::listener::TcpAcceptor;
use poem::{Body, Request, Response, Route, handler};
use tokio::io::sink;
use tokio::net::TcpListener;

/// What it is started with.
#[derive(Debug, Clone, clap::Args)]
pub struct Wanted {
    /// Where it listens.
    #[arg(long)]
    port: u16,
}

/// Serves until it is killed.
pub async fn serve(wanted: &Wanted) -> anyhow::Result<()> {
    let app = Route::new().at("/*path", take);
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, wanted.port))).await?;
    poem::Server::new_with_acceptor(TcpAcceptor::from_tokio(listener)?)
        .run(app)
        .await
        .context("the store ended")
}

#[handler]
async fn take(request: &Request, body: Body) -> poem::Result<Response> {
    let mut bytes = body.into_async_read();
    tokio::io::copy(&mut bytes, &mut sink())
        .await
        .map_err(poem::error::InternalServerError)?;
    let begins = request
        .uri()
        .query()
        .is_some_and(|query| query.contains("uploads"));
    let answer = match *request.method() {
        Method::POST if begins => {
            "<InitiateMultipartUploadResult><Bucket>measured</Bucket><Key>key</Key><UploadId>one</UploadId></InitiateMultipartUploadResult>"
        }
        Method::POST => {
            "<CompleteMultipartUploadResult><Key>key</Key></CompleteMultipartUploadResult>"
        }
        _ => "",
    };
    Ok(Response::builder()
        .header("ETag", "\"tag\"")
        .content_type("application/xml")
        .body(answer))
}

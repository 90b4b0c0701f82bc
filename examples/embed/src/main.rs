//! An axum server that answers `/hello` with a handler in belljar's sandbox, and everything else itself.

mod sandboxed;

use std::net::SocketAddr;

use anyhow::Context;
use axum::Router;
use axum::routing::{any, get};
use sandboxed::Sandboxed;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(component), address) = (arguments.next(), arguments.next()) else {
        anyhow::bail!("usage: embed HANDLER.wasm [ADDRESS:PORT]");
    };
    let bytes = std::fs::read(&component).with_context(|| format!("cannot read {component}"))?;
    let hello = Sandboxed::load("hello", &bytes)?;
    let routes = Router::new()
        .route(
            "/",
            get(|| async { "This page comes from axum. /hello comes from a sandbox.\n" }),
        )
        .route("/hello", any(sandboxed::answer).with_state(hello));

    let address = address.as_deref().unwrap_or("127.0.0.1:3000");
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}"))?;
    println!("http://{}/hello", listener.local_addr()?);
    let service = routes.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).await?;
    Ok(())
}

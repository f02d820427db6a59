//! Another deployment of the product, in this process and with its own environment.

use super::{client::Client, environment::variable_or, local_system};
use axum::{Router, body::Body, extract::Request, response::Response};
use exodrive::{
    Service,
    config::{Config, Defaults},
};
use exodrive_native::{Clock, NativePlatform};
use http_body_util::BodyExt;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Starts the product with `changes` to our environment, and returns a client of it.
///
/// It ends with the test. Its clock starts at the system's time and ignores later changes.
pub(crate) async fn start_with(changes: &'static [(&'static str, &'static str)]) -> Client {
    let header = variable_or("CLIENT_IP_HEADER", "x-forwarded-for");
    let read = |name: &str| match changes.iter().find(|(variable, _)| *variable == name) {
        Some((_, value)) => Some((*value).to_owned()),
        // No proxy stands before this deployment, so it trusts the header that clients send.
        None if name == "TRUSTED_IP_HEADER" => Some(header.clone()),
        // An empty variable counts as unset.
        None => Some(variable_or(name, "")),
    };
    let defaults = Defaults {
        trusted_ip_header: None,
        public_base_url: None,
    };
    let config = Config::read(read, defaults).unwrap();
    let clock = Clock::default();
    let ahead = local_system::now().await.duration_since(clock.now());
    // Slightly negative if the local system's clock was not moved.
    clock.advance(ahead.try_into().unwrap_or_default());
    let service = Service::new(Ok(config), Arc::new(NativePlatform::new(clock)));

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(move |request| respond(service.clone(), request));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Client::with_base_url(base_url)
}

async fn respond(service: Service, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let request = http::Request::from_parts(head, body);
    service.handle(request, None).await.map(Body::from)
}

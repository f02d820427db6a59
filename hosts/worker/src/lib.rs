//! Serves every route of the product as a Cloudflare Worker.
//! <https://developers.cloudflare.com/workers/>
//!
//! `script/build-worker` builds it with unwinding panics, so a panic fails only its own request.

mod console;
mod crons;
mod exchange;
mod invocation;
mod platform;
mod security;

use bytes::Bytes;
use exodrive::{
    Service,
    config::{Config, Defaults},
};
use futures_util::{FutureExt, future::BoxFuture};
use http::HeaderName;
use platform::WorkerPlatform;
use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, OnceLock},
};
use worker::{Context, Env, Response, ScheduleContext, ScheduledEvent, event, web_sys};

/// An isolate has one service, because the bindings in `Env` never change during its life.
static SERVICE: OnceLock<Service> = OnceLock::new();

/// Cloudflare overwrites `CF-Connecting-IP` with the address it sees.
/// <https://developers.cloudflare.com/fundamentals/reference/http-headers/#cf-connecting-ip>
fn service(env: &Env) -> &'static Service {
    SERVICE.get_or_init(|| {
        let defaults = Defaults {
            trusted_ip_header: Some(HeaderName::from_static("cf-connecting-ip")),
            public_base_url: None,
        };
        let config = Config::read(|name| variable(env, name), defaults);
        Service::new(config, Arc::new(WorkerPlatform))
    })
}

/// A variable or a secret. The runtime does not distinguish them.
fn variable(env: &Env, name: &str) -> Option<String> {
    env.var(name).ok().map(|value| value.to_string())
}

#[event(start)]
fn start() {
    console::log_to_console(log::LevelFilter::Info);
}

#[event(fetch)]
async fn fetch(request: web_sys::Request, env: Env, context: Context) -> worker::Result<Response> {
    let response = match exchange::receive(&request).await {
        Some(request) => answer(&env, request, move |work| context.wait_until(work)).await,
        None => exchange::refuse(),
    };
    exchange::respond(response)
}

#[event(scheduled)]
async fn scheduled(event: ScheduledEvent, env: Env, context: ScheduleContext) {
    let cron = event.cron();
    let Some(request) = crons::request(&cron, variable(&env, "CRON_SECRET")) else {
        return;
    };
    let response = answer(&env, request, move |work| context.wait_until(work)).await;
    if !response.status().is_success() {
        log::error!("cron=\"{cron}\" status={}", response.status().as_u16());
    }
}

/// Answers one request. Without `catch_unwind`, the runtime would send its own error page after a
/// panic.
async fn answer(
    env: &Env,
    request: http::Request<Bytes>,
    wait_until: impl Fn(BoxFuture<'static, ()>) + 'static,
) -> http::Response<Bytes> {
    let response = service(env).handle(request, None);
    let response = AssertUnwindSafe(invocation::within(wait_until, response)).catch_unwind();
    response.await.unwrap_or_else(|_| exchange::fail())
}

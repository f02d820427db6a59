//! Serves one route of the product as a Vercel function.
//! <https://vercel.com/docs/functions/runtimes/rust>

use bytes::Bytes;
use exodrive::{Service, config::Defaults, routes::MAX_BODY_BYTES};
use exodrive_native::{Clock, NativePlatform, log_to_stderr, read_body, read_config};
use futures_util::future::BoxFuture;
use http::{HeaderName, Response, StatusCode};
use http_body_util::BodyExt;
use std::{process::ExitCode, sync::Arc};
use vercel_runtime::{AppState, Error, Request, ResponseBody, run, service_fn};

/// Serves the route `name` until the platform ends the instance.
///
/// One instance serves many requests, some of them concurrently, over kept connections to the
/// upstreams.
#[must_use]
pub fn serve(name: &'static str) -> ExitCode {
    log_to_stderr(log::LevelFilter::Info);
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    match runtime.block_on(listen(name)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(error.as_ref()),
    }
}

fn failed(error: &dyn std::error::Error) -> ExitCode {
    log::error!("the function failed: {error}");
    ExitCode::FAILURE
}

async fn listen(name: &'static str) -> Result<(), Error> {
    let config = read_config(Defaults {
        // Vercel overwrites this header with the address it sees.
        // https://vercel.com/docs/headers/request-headers#x-vercel-forwarded-for
        trusted_ip_header: Some(HeaderName::from_static("x-vercel-forwarded-for")),
        public_base_url: public_base_url(),
    });
    let platform = Arc::new(NativePlatform::with_spawn(
        Clock::default(),
        Arc::new(wait_until),
    ));
    let service = Service::new(config, platform);
    let shared = service.clone();
    let result = run(service_fn(move |request: Request, state: AppState| {
        let service = shared.clone();
        INVOCATION.scope(state, async move { answer(&service, name, request).await })
    }))
    .await;
    // The platform has sent SIGTERM, and work after the responses is done.
    // https://vercel.com/docs/functions/functions-api-reference#sigterm-signal
    service.finish_counting().await;
    result
}

tokio::task_local! {
    /// The invocation of the running code.
    static INVOCATION: AppState;
}

/// Keeps the invocation alive until `work` is done. The platform freezes an instance that has none.
/// <https://vercel.com/docs/functions/functions-api-reference/vercel-functions-package#waituntil>
fn wait_until(work: BoxFuture<'static, ()>) {
    match INVOCATION.try_with(AppState::clone) {
        Ok(state) => state.clone().wait_until(INVOCATION.scope(state, work)),
        Err(_) => drop(tokio::spawn(work)),
    }
}

/// Answers one request. Never returns an error, because the runtime would show it to the client.
async fn answer(
    service: &Service,
    name: &str,
    request: Request,
) -> Result<Response<ResponseBody>, Error> {
    let (head, mut incoming) = request.into_parts();
    // The product must not act on half a request. A client that hung up reads no response.
    let Ok(body) = read_body(&mut incoming, MAX_BODY_BYTES).await else {
        let mut response = Response::new(ResponseBody::from(Bytes::new()));
        *response.status_mut() = StatusCode::BAD_REQUEST;
        return Ok(response);
    };
    // Reads the rest, 4.5 MB at most. An unread rest would reset the connection, and the response
    // would be lost.
    while let Some(Ok(_)) = incoming.frame().await {}
    let response = service
        .handle_route(name, http::Request::from_parts(head, body), None)
        .await;
    Ok(response.map(ResponseBody::from))
}

/// The production domain, which Vercel sets in every deployment.
#[expect(
    clippy::disallowed_methods,
    reason = "a host reads its environment once"
)]
fn public_base_url() -> Option<String> {
    std::env::var("VERCEL_PROJECT_PRODUCTION_URL")
        .ok()
        .map(|host| format!("https://{host}"))
}

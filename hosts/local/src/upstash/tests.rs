//! Tests of the Upstash emulator. Each test has its own redis-server.

mod errors;
mod outage;
mod protocol;

use super::{Counters, router};
use axum::{Router, body::Body};
use http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::{
    net::{TcpListener, UnixStream},
    process::{Child, Command},
    time::timeout,
};
use tower::ServiceExt as _;

const TOKEN: &str = "local-token";

/// A redis-server with an empty data folder. It ends when this is dropped.
struct Redis {
    folder: PathBuf,
    port: u16,
    process: Child,
}

impl Redis {
    async fn start() -> Self {
        let probe = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = probe.local_addr().unwrap().port();
        drop(probe);
        let folder =
            std::env::temp_dir().join(format!("exodrive-upstash-{}-{port}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let process = Self::launch(&folder, port).await;
        Self {
            folder,
            port,
            process,
        }
    }

    async fn launch(folder: &Path, port: u16) -> Child {
        let socket = folder.join("redis.sock");
        let process = Command::new("redis-server")
            .args([
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
                "--daemonize",
                "no",
            ])
            .arg("--port")
            .arg(port.to_string())
            .arg("--unixsocket")
            .arg(&socket)
            .arg("--dir")
            .arg(folder)
            .stdout(Stdio::null())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        timeout(Duration::from_secs(10), async {
            while UnixStream::connect(&socket).await.is_err() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
        .unwrap();
        process
    }

    async fn stop(&mut self) {
        self.process.kill().await.unwrap();
        std::fs::remove_file(self.folder.join("redis.sock")).unwrap();
    }

    async fn restart(&mut self) {
        self.process = Self::launch(&self.folder, self.port).await;
    }

    fn emulator(&self) -> Emulator {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}/0", self.port)).unwrap();
        Emulator::over(client)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

struct Emulator {
    router: Router,
    counters: Arc<Counters>,
}

struct EmulatorResponse {
    status: StatusCode,
    sync_token: String,
    body: Value,
}

impl Emulator {
    fn over(client: redis::Client) -> Self {
        let counters = Arc::new(Counters::default());
        Self {
            router: router(client, TOKEN.to_owned(), Arc::clone(&counters)),
            counters,
        }
    }

    async fn send(&self, request: Request<Body>) -> EmulatorResponse {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
        let sync_token = response.headers()["upstash-sync-token"]
            .to_str()
            .unwrap()
            .to_owned();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&body).unwrap();
        EmulatorResponse {
            status,
            sync_token,
            body,
        }
    }

    async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.request("POST", path, Body::from(body.to_string()), &[])
            .await
    }

    /// Sends a request with the right token.
    async fn request(
        &self,
        method: &str,
        path: &str,
        body: Body,
        headers: &[(&str, &str)],
    ) -> (StatusCode, Value) {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {TOKEN}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.send(request.body(body).unwrap()).await;
        (response.status, response.body)
    }

    /// Requests and commands.
    fn counts(&self) -> (u64, u64) {
        (
            self.counters.requests.load(Ordering::Relaxed),
            self.counters.commands.load(Ordering::Relaxed),
        )
    }
}

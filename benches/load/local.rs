//! A client of the local system's control API.

use crate::connection::Connection;
use serde_json::{Value, json};

pub(crate) struct Local(Connection);

/// Requests to the upstreams since the start.
#[derive(Clone, Copy)]
pub(crate) struct RequestCounts {
    pub(crate) database: u64,
}

impl Local {
    pub(crate) async fn open(port: u16) -> Self {
        Self(Connection::open(port).await)
    }

    pub(crate) async fn requests(&mut self) -> RequestCounts {
        let counts = self.0.get("/_local/requests").await.json();
        let requests = |upstream: &str| counts[upstream]["requests"].as_u64().unwrap();
        RequestCounts {
            database: requests("database"),
        }
    }

    /// Adds a fault to every upstream.
    pub(crate) async fn fault_all(&mut self, fault: &Value) {
        for upstream in ["redis", "database", "paypal"] {
            self.fault(upstream, fault).await;
        }
    }

    pub(crate) async fn fault(&mut self, upstream: &str, fault: &Value) {
        let body = json!({"upstream": upstream, "fault": fault});
        let response = self.0.post("/_local/faults", &body).await;
        assert_eq!(response.status, 200, "{response:?}");
    }

    /// Moves the product's clock forward and returns the new time.
    pub(crate) async fn advance_clock(&mut self, seconds: u64) -> jiff::Timestamp {
        let body = json!({"advance": format!("PT{seconds}S")});
        let response = self.0.post("/_local/clock", &body).await.json();
        response["now"].as_str().unwrap().parse().unwrap()
    }
}

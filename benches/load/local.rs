//! The control API of the local system, as far as a load needs it.

use crate::connection::Connection;
use serde_json::{Value, json};

pub(crate) struct Local(Connection);

/// What the upstreams were asked so far.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) database: u64,
}

impl Local {
    pub(crate) async fn open(port: u16) -> Self {
        Self(Connection::open(port).await)
    }

    pub(crate) async fn asked(&mut self) -> Asked {
        let counted = self.0.get("/_local/requests").await.json();
        let requests = |upstream: &str| counted[upstream]["requests"].as_u64().unwrap();
        Asked {
            database: requests("database"),
        }
    }

    /// Makes trouble for every request to every upstream.
    pub(crate) async fn trouble(&mut self, fault: &Value) {
        for upstream in ["redis", "database", "paypal"] {
            self.fault(upstream, fault).await;
        }
    }

    pub(crate) async fn fault(&mut self, upstream: &str, fault: &Value) {
        let body = json!({"upstream": upstream, "fault": fault});
        let answer = self.0.post("/_local/faults", &body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// Moves the clock of the product that the local system serves, and gives the day it is then.
    pub(crate) async fn pass(&mut self, seconds: u64) -> jiff::Timestamp {
        let body = json!({"advance": format!("PT{seconds}S")});
        let answer = self.0.post("/_local/clock", &body).await.json();
        answer["now"].as_str().unwrap().parse().unwrap()
    }
}

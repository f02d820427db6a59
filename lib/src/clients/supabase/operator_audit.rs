//! Requests of operators in the audit log, and security events.

use super::{Arguments, Database, DatabaseError};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

/// The arguments of `record_operator_request`.
#[derive(Clone, Debug)]
pub(crate) struct OperatorRequest {
    pub(crate) actor: String,
    pub(crate) action: OperatorAction,
    pub(crate) subject_type: &'static str,
    pub(crate) subject_id: String,
    pub(crate) request_id: String,
    /// Without secrets and personal data.
    pub(crate) detail: Value,
    pub(crate) now: Timestamp,
}

/// The kind of a row about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum OperatorAction {
    /// A finished read.
    #[serde(rename = "operator.read")]
    Read,
    /// A change before its work.
    #[serde(rename = "operator.change")]
    Change,
    /// A change after its work.
    #[serde(rename = "operator.outcome")]
    Outcome,
}

impl Database<'_> {
    /// Writes one row to the audit log, once however often it is called.
    pub(crate) async fn record_operator_request(
        &self,
        row: &OperatorRequest,
    ) -> Result<(), DatabaseError> {
        let arguments: Arguments<'_> = &[
            ("p_actor", &row.actor),
            ("p_action", &row.action),
            ("p_subject_type", &row.subject_type),
            ("p_subject_id", &row.subject_id),
            ("p_request_id", &row.request_id),
            ("p_detail", &row.detail),
            ("p_now", &row.now),
        ];
        self.call_raw("record_operator_request", arguments)
            .await
            .map(drop)
    }

    /// Writes one row to the security events. `detail` has no secrets and no personal data.
    pub(crate) async fn record_security_event(
        &self,
        kind: &str,
        detail: &Value,
        request_id: &str,
    ) -> Result<(), DatabaseError> {
        let arguments: Arguments<'_> = &[
            ("p_kind", &kind),
            ("p_detail", detail),
            ("p_request_id", &request_id),
            ("p_now", &self.platform.now()),
        ];
        self.call_raw("record_security_event", arguments)
            .await
            .map(drop)
    }
}

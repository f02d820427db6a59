//! Voids: authorizations whose money PayPal has to release.

use super::{Arguments, Database, DatabaseError};
use jiff::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

/// The result of `begin_void`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", rename_all_fields = "camelCase")]
pub(crate) enum VoidStart {
    /// PayPal has to void the authorization.
    Void {
        /// The `PayPal-Request-Id`.
        request_id: String,
    },
    AlreadyVoided,
    /// It is captured or being captured, or PayPal holds nothing.
    NotVoidable,
}

/// An authorization that must be voided.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UnvoidedAuthorization {
    pub(crate) payment_id: Uuid,
    pub(crate) authorization_id: String,
    pub(crate) reason: String,
}

impl Database<'_> {
    /// Marks an authorization as one to void, and stores the request id before it is used.
    pub(crate) async fn begin_void(
        &self,
        payment: Uuid,
        authorization_id: &str,
        reason: &str,
    ) -> Result<VoidStart, DatabaseError> {
        let arguments: Arguments<'_> = &[
            ("p_payment_id", &payment),
            ("p_authorization_id", &authorization_id),
            ("p_reason", &reason),
            ("p_now", &self.platform.now()),
        ];
        self.call_outcome("begin_void", arguments).await
    }

    /// Records that PayPal voided.
    pub(crate) async fn record_void(
        &self,
        payment: Uuid,
        request_id: &str,
    ) -> Result<(), DatabaseError> {
        let arguments: Arguments<'_> = &[
            ("p_payment_id", &payment),
            ("p_request_id", &request_id),
            ("p_now", &self.platform.now()),
        ];
        self.call_raw("record_void", arguments).await.map(drop)
    }

    /// Records that PayPal did not void or gave no response. Without `retry_at` it is retried later
    /// and later.
    pub(crate) async fn record_void_failure(
        &self,
        payment: Uuid,
        request_id: &str,
        code: &str,
        kind: &str,
        retry_at: Option<Timestamp>,
    ) -> Result<(), DatabaseError> {
        let arguments: Arguments<'_> = &[
            ("p_payment_id", &payment),
            ("p_request_id", &request_id),
            ("p_error_code", &code),
            ("p_kind", &kind),
            ("p_retry_at", &retry_at),
            ("p_now", &self.platform.now()),
        ];
        self.call_raw("record_void_failure", arguments)
            .await
            .map(drop)
    }

    /// Up to `limit` authorizations that pay for nothing and have not changed for two minutes.
    pub(crate) async fn authorizations_to_void(
        &self,
        limit: u32,
    ) -> Result<Vec<UnvoidedAuthorization>, DatabaseError> {
        let arguments: Arguments<'_> = &[("p_limit", &limit), ("p_now", &self.platform.now())];
        self.call("authorizations_to_void", arguments).await
    }
}

//! Disputes, as events report them.
//! <https://developer.paypal.com/docs/api/customer-disputes/v1/#disputes_get>

use crate::clients::json;
use serde::Deserialize;

/// The state of a dispute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dispute {
    pub(crate) id: String,
    /// Ids of the disputed captures.
    pub(crate) transactions: Vec<String>,
    pub(crate) is_resolved: bool,
    /// PayPal's word for the end of a resolved dispute.
    pub(crate) outcome: Option<String>,
}

#[derive(Deserialize)]
struct EventBody {
    event_type: String,
    resource: Resource,
}

#[derive(Deserialize)]
struct Resource {
    #[serde(alias = "id")]
    dispute_id: String,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    disputed_transactions: Option<Vec<DisputedTransaction>>,
    #[serde(default)]
    dispute_outcome: Option<Outcome>,
}

#[derive(Deserialize)]
struct DisputedTransaction {
    #[serde(default)]
    seller_transaction_id: Option<String>,
}

#[derive(Deserialize)]
struct Outcome {
    #[serde(default)]
    outcome_code: Option<String>,
}

impl Dispute {
    /// Reads the event of a dispute. `None` if it names no dispute, or none that can be stored.
    #[must_use]
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let EventBody {
            event_type,
            resource,
        } = json::from_slice(body).ok()?;
        let id = resource.dispute_id;
        let is_id = (1..=255).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
        let is_resolved = event_type == "CUSTOMER.DISPUTE.RESOLVED"
            || resource.status.as_deref() == Some("RESOLVED");
        is_id.then(|| Self {
            id,
            transactions: resource
                .disputed_transactions
                .unwrap_or_default()
                .into_iter()
                .filter_map(|transaction| transaction.seller_transaction_id)
                .collect(),
            is_resolved,
            outcome: resource
                .dispute_outcome
                .and_then(|outcome| outcome.outcome_code)
                .filter(|_| is_resolved),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(event_type: &str, resource: &Value) -> Option<Dispute> {
        let body = json!({ "event_type": event_type, "resource": resource });
        Dispute::read(body.to_string().as_bytes())
    }

    fn dispute(is_resolved: bool, outcome: Option<&str>) -> Dispute {
        Dispute {
            id: "PP-D-1".to_owned(),
            transactions: vec!["CAP".to_owned()],
            is_resolved,
            outcome: outcome.map(str::to_owned),
        }
    }

    #[test]
    fn event_or_status_resolves() {
        let mut resource = json!({
            "dispute_id": "PP-D-1",
            "disputed_transactions": [{ "seller_transaction_id": "CAP" }, {}],
            "status": "UNDER_REVIEW",
            "dispute_outcome": { "outcome_code": "RESOLVED_BUYER_FAVOUR" },
        });
        let open = Some(dispute(false, None));
        assert_eq!(read("CUSTOMER.DISPUTE.CREATED", &resource), open);
        assert_eq!(read("CUSTOMER.DISPUTE.UPDATED", &resource), open);
        let resolved = Some(dispute(true, Some("RESOLVED_BUYER_FAVOUR")));
        assert_eq!(read("CUSTOMER.DISPUTE.RESOLVED", &resource), resolved);
        resource["status"] = json!("RESOLVED");
        assert_eq!(read("CUSTOMER.DISPUTE.UPDATED", &resource), resolved);
    }

    #[test]
    fn only_id_is_required() {
        let nothing = json!({ "dispute_id": "PP-D-1", "status": null,
            "disputed_transactions": null, "dispute_outcome": null });
        for resource in [json!({ "id": "PP-D-1" }), nothing] {
            let expected = Dispute {
                transactions: Vec::new(),
                ..dispute(true, None)
            };
            let read = read("CUSTOMER.DISPUTE.RESOLVED", &resource);
            assert_eq!(read, Some(expected), "{resource}");
        }
        for id in ["", "a b", &"x".repeat(256)] {
            let resource = json!({ "dispute_id": id });
            assert_eq!(read("CUSTOMER.DISPUTE.CREATED", &resource), None);
        }
        assert_eq!(read("CUSTOMER.DISPUTE.CREATED", &json!({})), None);
    }
}

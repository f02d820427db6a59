//! A lease is exclusive: while it lasts, only whoever took it asks PayPal to move the payment's money.

use crate::{books::Books, world::Origin};
use bytes::Bytes;
use http::{Method, Request};
use jiff::Timestamp;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Who has the lease of a payment, and until when.
#[derive(Default)]
pub(super) struct Leases(BTreeMap<Uuid, (u64, String, Timestamp)>);

impl Leases {
    /// Whoever changes a lease has it.
    pub(super) fn see(&mut self, old: &Books, new: &Books, by: &Origin) {
        for payment in new.payments.values() {
            let before = old
                .payments
                .get(&payment.id)
                .map(|old| (old.lease_id, old.lease_expires_at));
            if before == Some((payment.lease_id, payment.lease_expires_at)) {
                continue;
            }
            match payment.lease_expires_at {
                Some(end) => {
                    self.0.insert(payment.id, (by.number, by.name.clone(), end));
                }
                None => {
                    self.0.remove(&payment.id);
                }
            }
        }
    }

    /// A request that moves money names its payment and operation in its id.
    pub(super) fn asks_paypal(
        &self,
        from: &Origin,
        request: &Request<Bytes>,
        now: Timestamp,
    ) -> Option<String> {
        if request.method() != Method::POST {
            return None;
        }
        let id = request.headers().get("paypal-request-id")?.to_str().ok()?;
        let (payment, operation) = id.split_once(':')?;
        let payment: Uuid = payment.parse().ok()?;
        let (holder, name, end) = self.0.get(&payment)?;
        let is_foreign = *holder != from.number && *end > now && !operation.starts_with("order");
        is_foreign.then(|| {
            format!(
                "{} asks PayPal for {id} while {name} has the lease until {end}",
                from.name
            )
        })
    }
}

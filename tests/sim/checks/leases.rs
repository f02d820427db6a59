//! A lease is exclusive: while it lasts, only whoever took it asks PayPal to move the payment's money.

use crate::{books::Books, world::Origin};
use bytes::Bytes;
use http::{Method, Request};
use jiff::Timestamp;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Who has the lease of a payment or of a refund, and until when.
#[derive(Default)]
pub(super) struct Leases(BTreeMap<Uuid, Lease>);

struct Lease {
    holder: u64,
    name: String,
    end: Timestamp,
}

impl Leases {
    /// Whoever changes a lease has it.
    pub(super) fn see(&mut self, old: &Books, new: &Books, by: &Origin) {
        for payment in new.payments.values() {
            let before = old
                .payments
                .get(&payment.id)
                .map(|old| (old.lease_id, old.lease_expires_at));
            if before != Some((payment.lease_id, payment.lease_expires_at)) {
                self.change(payment.id, payment.lease_expires_at, by);
            }
        }
        for refund in new.refunds.values() {
            let before = old.refunds.get(&refund.id).map(|old| old.lease_expires_at);
            if before != Some(refund.lease_expires_at) {
                self.change(refund.id, refund.lease_expires_at, by);
            }
        }
    }

    fn change(&mut self, leased: Uuid, end: Option<Timestamp>, by: &Origin) {
        self.0.remove(&leased);
        self.0.extend(end.map(|end| {
            let lease = Lease {
                holder: by.number,
                name: by.name.clone(),
                end,
            };
            (leased, lease)
        }));
    }

    /// A request that moves money names its payment and operation in its id.
    pub(super) fn asks_paypal(
        &self,
        from: &Origin,
        request: &Request<Bytes>,
        books: &Books,
        now: Timestamp,
    ) -> Option<String> {
        if request.method() != Method::POST {
            return None;
        }
        let id = request.headers().get("paypal-request-id")?.to_str().ok()?;
        let (payment, operation) = id.split_once(':')?;
        // An order moves no money, and a refund has a lease of its own.
        let leased = match operation.split(':').next()? {
            "order" => return None,
            "refund" => books.operations.get(id)?.subject_id.as_deref()?,
            _ => payment,
        };
        let lease = self.0.get(&leased.parse().ok()?)?;
        let is_foreign = lease.holder != from.number && lease.end > now;
        is_foreign.then(|| {
            format!(
                "{} asks PayPal for {id} while {} has the lease until {}",
                from.name, lease.name, lease.end
            )
        })
    }
}

//! Checks that claims are exclusive. Until a claim ends, only the task that took it may ask PayPal
//! to move the money of its payment or refund. The tables keep claims in their `lease_*` columns.

use crate::{books::Books, world::Origin};
use bytes::Bytes;
use http::{Method, Request};
use jiff::Timestamp;
use std::collections::BTreeMap;
use uuid::Uuid;

/// By the id of the claimed payment or refund.
#[derive(Default)]
pub(super) struct Claims(BTreeMap<Uuid, Claim>);

struct Claim {
    /// The number of the task that took the claim.
    task: u64,
    task_name: String,
    end: Timestamp,
}

impl Claims {
    /// Records changed claims. The task behind the change has taken them.
    pub(super) fn update(&mut self, old: &Books, new: &Books, origin: &Origin) {
        for payment in new.payments.values() {
            let before = old
                .payments
                .get(&payment.id)
                .map(|old| (old.lease_id, old.lease_expires_at));
            if before != Some((payment.lease_id, payment.lease_expires_at)) {
                self.set(payment.id, payment.lease_expires_at, origin);
            }
        }
        for refund in new.refunds.values() {
            let before = old.refunds.get(&refund.id).map(|old| old.lease_expires_at);
            if before != Some(refund.lease_expires_at) {
                self.set(refund.id, refund.lease_expires_at, origin);
            }
        }
    }

    fn set(&mut self, subject: Uuid, end: Option<Timestamp>, origin: &Origin) {
        self.0.remove(&subject);
        self.0.extend(end.map(|end| {
            let claim = Claim {
                task: origin.number,
                task_name: origin.name.clone(),
                end,
            };
            (subject, claim)
        }));
    }

    /// A request that moves money during another task's claim. Its request id names the payment and
    /// the operation.
    pub(super) fn request_violation(
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
        // An order moves no money, and a refund has its own claim.
        let subject = match operation.split(':').next()? {
            "order" => return None,
            "refund" => books.operations.get(id)?.subject_id.as_deref()?,
            _ => payment,
        };
        let claim = self.0.get(&subject.parse().ok()?)?;
        let is_foreign = claim.task != from.number && claim.end > now;
        is_foreign.then(|| {
            format!(
                "{} sends {id} to PayPal while {} has the claim until {}",
                from.name, claim.task_name, claim.end
            )
        })
    }
}

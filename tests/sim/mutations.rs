//! Mutations, each of which switches off one safeguard of the product from outside. A check must
//! then fail, which proves that the checks work.

use crate::upstreams::Database;

/// The safeguard to switch off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutation {
    /// Every task can claim a payment, even during another task's claim.
    Lease,
    /// Every request to PayPal has a new id, even a retry.
    RequestId,
    /// The database confirms a booking for any authorized amount.
    AmountCheck,
    /// Bookings of a car may overlap.
    ExclusionConstraint,
    /// Every delivery of an event makes a new inbox entry.
    InboxDedupe,
    /// Every cache entry counts as one of the current generation.
    GenerationCheck,
    /// Nothing raises a generation.
    Invalidation,
    /// A payment keeps its latest order, whichever order was authorized.
    AuthorizedOrder,
    /// An order that lists no authorization, or that is not found, counts as voided.
    AbsenceIsVoid,
    /// Every refusal of a capture is final.
    Any4xxFinal,
    /// PayPal's reviews count as its consent.
    PendingIsYes,
    /// Refunds that fail after PayPal took them stay as they were.
    OneDirection,
    /// A payment that cannot be compared stays at the head of a short list.
    OneBlocksAll,
    /// A hold can be extended for ever.
    UncappedHold,
}

impl Mutation {
    pub(crate) const ALL: [Self; 14] = [
        Self::Lease,
        Self::RequestId,
        Self::AmountCheck,
        Self::ExclusionConstraint,
        Self::InboxDedupe,
        Self::GenerationCheck,
        Self::Invalidation,
        Self::AuthorizedOrder,
        Self::AbsenceIsVoid,
        Self::Any4xxFinal,
        Self::PendingIsYes,
        Self::OneDirection,
        Self::OneBlocksAll,
        Self::UncappedHold,
    ];

    /// The name on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Lease => "lease",
            Self::RequestId => "request-id",
            Self::AmountCheck => "amount-check",
            Self::ExclusionConstraint => "exclusion-constraint",
            Self::InboxDedupe => "inbox-dedupe",
            Self::GenerationCheck => "generation-check",
            Self::Invalidation => "invalidation",
            Self::AuthorizedOrder => "authorized-order",
            Self::AbsenceIsVoid => "absence-is-void",
            Self::Any4xxFinal => "any-4xx-final",
            Self::PendingIsYes => "pending-is-yes",
            Self::OneDirection => "one-direction",
            Self::OneBlocksAll => "one-blocks-all",
            Self::UncappedHold => "uncapped-hold",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|mutation| mutation.name() == name)
    }

    /// Changes the database for the mutations that need it. The others change requests and replies.
    pub(crate) fn apply(self, database: &mut Database) {
        match self {
            Self::Lease => rewrite(
                database,
                "internal.has_live_lease",
                "coalesce(p_payment.lease_expires_at > p_now, false)",
                "false",
            ),
            Self::InboxDedupe => rewrite(
                database,
                "public.store_webhook_event",
                "BEGIN\n",
                "BEGIN p_event_id := p_event_id || ':' || gen_random_uuid();\n",
            ),
            Self::AmountCheck => rewrite(
                database,
                "internal.settle_authorization",
                "p_amount IS DISTINCT FROM p_payment.amount OR p_currency IS DISTINCT FROM p_payment.currency",
                "false",
            ),
            Self::ExclusionConstraint => {
                database.run("ALTER TABLE public.bookings DROP CONSTRAINT bookings_no_overlap");
            }
            Self::AuthorizedOrder => rewrite(
                database,
                "internal.settle_authorization",
                "order_id = coalesce(p_order_id, p.order_id),",
                "",
            ),
            Self::Any4xxFinal => rewrite(
                database,
                "public.record_capture_failure",
                "status = CASE p_kind WHEN 'declined' THEN 'failed' WHEN 'unknown'",
                "status = CASE p_kind WHEN 'declined' THEN 'failed' WHEN 'retryable' THEN 'failed' \
                 WHEN 'unknown'",
            ),
            Self::PendingIsYes => {
                rewrite(
                    database,
                    "internal.put_capture",
                    "BEGIN\n",
                    "BEGIN p_status := replace(p_status, 'pending', 'completed');\n",
                );
                rewrite(
                    database,
                    "internal.settle_authorization",
                    "BEGIN\n",
                    "BEGIN p_status := 'authorized';\n",
                );
            }
            Self::OneDirection => rewrite(
                database,
                "internal.refund_may_become",
                "RETURN CASE",
                "RETURN p_refund.status NOT IN ('pending', 'refunded') AND p_status = 'refused' \
                 OR p_status <> 'refused' AND CASE",
            ),
            Self::OneBlocksAll => {
                rewrite(
                    database,
                    "public.record_comparison_failure",
                    "ELSE p_now + v_pause END",
                    "ELSE next_comparison_at END",
                );
                rewrite(
                    database,
                    "public.payments_to_reconcile",
                    "internal.due_comparisons(p_limit, p_now)",
                    "internal.due_comparisons(3, p_now)",
                );
            }
            Self::UncappedHold => rewrite(
                database,
                "internal.keep_hold",
                "least(internal.hold_until(p_now), p_latest)",
                "internal.hold_until(p_now)",
            ),
            Self::RequestId | Self::GenerationCheck | Self::Invalidation | Self::AbsenceIsVoid => {}
        }
    }
}

/// Replaces a piece of a function. Panics unless it occurs exactly once, because the safeguard
/// would stay on.
fn rewrite(database: &mut Database, function: &str, piece: &str, replacement: &str) {
    let definition = database.value(&format!("SELECT pg_get_functiondef('{function}'::regproc)"));
    assert_eq!(
        definition.matches(piece).count(),
        1,
        "{function} must contain {piece:?} exactly once:\n{definition}"
    );
    database.run(&definition.replace(piece, replacement));
}

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
}

impl Mutation {
    pub(crate) const ALL: [Self; 6] = [
        Self::Lease,
        Self::RequestId,
        Self::AmountCheck,
        Self::ExclusionConstraint,
        Self::InboxDedupe,
        Self::GenerationCheck,
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
            Self::Lease => {
                rewrite(
                    database,
                    "internal.authorization_refusal",
                    "p_payment.lease_expires_at > p_now",
                    "false",
                );
                rewrite(
                    database,
                    "internal.has_live_lease",
                    "coalesce(p_payment.lease_expires_at > p_now, false)",
                    "false",
                );
            }
            Self::InboxDedupe => rewrite(
                database,
                "public.store_webhook_event",
                "BEGIN\n",
                "BEGIN p_event_id := p_event_id || ':' || gen_random_uuid();\n",
            ),
            Self::AmountCheck => rewrite(
                database,
                "public.record_authorization",
                "p_amount = v_payment.amount AND p_currency = v_payment.currency",
                "true",
            ),
            Self::ExclusionConstraint => {
                database.run("ALTER TABLE public.bookings DROP CONSTRAINT bookings_no_overlap");
            }
            Self::RequestId | Self::GenerationCheck => {}
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

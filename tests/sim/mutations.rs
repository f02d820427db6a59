//! Safeguards of the product, switched off one at a time from outside: each must be missed by some check.

use crate::upstreams::Database;

/// A safeguard that is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutation {
    /// Whoever wants a payment takes its lease, whether it is taken or not.
    Lease,
    /// Each request to PayPal has a new id, also a repeat.
    RequestId,
    /// The database confirms a booking whatever was authorized.
    AmountCheck,
    /// Two bookings of a car may overlap.
    ExclusionConstraint,
    /// Each delivery of an event is an entry of its own.
    InboxDedupe,
    /// A cached answer counts as one of the present generation.
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

    /// As it is asked for.
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

    /// Switches off what is in the database; the others are off where requests pass.
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

/// Replaces one piece of a function; a piece that is not there exactly once means that the safeguard has moved.
fn rewrite(database: &mut Database, function: &str, piece: &str, other: &str) {
    let definition = database.value(&format!("SELECT pg_get_functiondef('{function}'::regproc)"));
    assert_eq!(
        definition.matches(piece).count(),
        1,
        "{piece:?} is not in {function} once:\n{definition}"
    );
    database.run(&definition.replace(piece, other));
}

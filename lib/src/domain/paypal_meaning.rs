//! The meaning of PayPal's answers: one table for everything that reads PayPal.
//!
//! An answer that is not understood is never a refusal. It is [`Meaning::Unknown`], and PayPal is
//! asked again, or [`Meaning::Ours`], and an operator is asked.

/// The meaning of an answer, for the next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// PayPal did it, now or before.
    Done,
    /// PayPal is reviewing it, or waits for the payer's bank.
    NotYet,
    /// This payer cannot pay now. A later attempt may succeed.
    DeclinedByPayer,
    /// The order, authorization or capture cannot be used any more.
    Ended,
    /// Our credentials, permissions, account or request. No other call would fare better, so the
    /// run stops. It ends no payment.
    Ours,
    /// Nothing happened, and a later attempt may succeed: a rate limit, or PayPal was not reached.
    NotNow,
    /// PayPal may have acted. Ask it.
    Unknown,
}

impl Meaning {
    /// The kind of a failed attempt, for the database. `None` if the attempt did not fail.
    #[must_use]
    pub(crate) fn failure_kind(self) -> Option<&'static str> {
        match self {
            Self::Done | Self::NotYet => None,
            Self::DeclinedByPayer => Some("declined"),
            Self::Ended => Some("ended"),
            Self::Ours | Self::NotNow => Some("retryable"),
            Self::Unknown => Some("unknown"),
        }
    }
}

//! Outcomes that the description of a purchase unit selects. The head of `paypal` lists them.
//!
//! They take the same way as behaviours: an [`Outcome`] of an operation, or its refusal.

use super::{
    course::{Outcome, PaymentStatus},
    operation::Operation,
};
use jiff::SignedDuration;

/// The time until the payer's bank accepts or refuses an e-check.
const CHECK_DURATION: SignedDuration = SignedDuration::from_hours(3 * 24);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ScriptedOutcome {
    AuthorizeDeclined,
    AuthorizeDenied,
    AuthorizePending,
    AuthorizeOtherAmount,
    CaptureDeclined,
    CapturePending,
    CheckClears,
    CheckBounces,
    CaptureBusyOnce,
    FundsLapse,
    ReauthorizeAgain,
    RefundRefused,
}

impl ScriptedOutcome {
    const fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizeDeclined => "SIMULATE_AUTHORIZE_DECLINED",
            Self::AuthorizeDenied => "SIMULATE_AUTHORIZE_DENIED",
            Self::AuthorizePending => "SIMULATE_AUTHORIZE_PENDING",
            Self::AuthorizeOtherAmount => "SIMULATE_AUTHORIZE_OTHER_AMOUNT",
            Self::CaptureDeclined => "SIMULATE_CAPTURE_DECLINED",
            Self::CapturePending => "SIMULATE_CAPTURE_PENDING",
            Self::CheckClears => "SIMULATE_CAPTURE_CHECK_CLEARS",
            Self::CheckBounces => "SIMULATE_CAPTURE_CHECK_BOUNCES",
            Self::CaptureBusyOnce => "SIMULATE_CAPTURE_BUSY_ONCE",
            Self::FundsLapse => "SIMULATE_FUNDS_LAPSE",
            Self::ReauthorizeAgain => "SIMULATE_REAUTHORIZE_AGAIN",
            Self::RefundRefused => "SIMULATE_REFUND_REFUSED",
        }
    }

    pub(super) fn is_in(self, description: Option<&str>) -> bool {
        description.is_some_and(|description| description.contains(self.as_str()))
    }
}

/// The issue with which a description refuses an operation.
pub(super) fn refusal(
    operation: Operation,
    description: Option<&str>,
    is_honored: bool,
) -> Option<&'static str> {
    let is_in = |outcome: ScriptedOutcome| outcome.is_in(description);
    match operation {
        Operation::AuthorizeOrder => {
            is_in(ScriptedOutcome::AuthorizeDeclined).then_some("INSTRUMENT_DECLINED")
        }
        Operation::Capture if is_in(ScriptedOutcome::FundsLapse) && !is_honored => {
            Some("PAYER_CANNOT_PAY")
        }
        Operation::Capture => {
            is_in(ScriptedOutcome::CaptureDeclined).then_some("TRANSACTION_REFUSED")
        }
        _ => None,
    }
}

/// The outcome that a description scripts for an operation.
pub(super) fn outcome(operation: Operation, description: Option<&str>) -> Option<Outcome> {
    let is_in = |outcome: ScriptedOutcome| outcome.is_in(description);
    match operation {
        Operation::AuthorizeOrder if is_in(ScriptedOutcome::AuthorizeDenied) => {
            Some(Outcome::of(PaymentStatus::Denied))
        }
        Operation::AuthorizeOrder if is_in(ScriptedOutcome::AuthorizePending) => {
            Some(Outcome::of(PaymentStatus::Pending))
        }
        Operation::Capture if is_in(ScriptedOutcome::CapturePending) => {
            Some(Outcome::of(PaymentStatus::Pending))
        }
        Operation::Capture if is_in(ScriptedOutcome::CheckClears) => {
            Some(check(PaymentStatus::Completed))
        }
        Operation::Capture if is_in(ScriptedOutcome::CheckBounces) => {
            Some(check(PaymentStatus::Declined))
        }
        _ => None,
    }
}

fn check(then: PaymentStatus) -> Outcome {
    Outcome::pending("ECHECK", CHECK_DURATION, then)
}

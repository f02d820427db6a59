//! Outcomes that the description of a purchase unit selects. The head of `paypal` lists them.

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

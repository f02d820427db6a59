//! The limits of a run that makes many calls to PayPal.
//!
//! Each call checks them first. Without enough time, or after PayPal asked for a pause or refused
//! our account, nothing more is sent. The next run takes up the rest.

use crate::{
    clients::paypal::PayPalError,
    domain::paypal_meaning::Meaning,
    platform::{Deadline, Platform},
};
use std::{sync::OnceLock, time::Duration};

/// The time that one call may take. A call that cannot have it is not made.
const CALL: Duration = Duration::from_secs(20);

/// A reason to make no further call in this run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// PayPal limits the rate of requests.
    Pause(Duration),
    /// PayPal refuses our credentials, account or request.
    Refused,
    /// The time of this part of the run is over.
    TimeOver,
}

/// The stop that all parts of a run share.
pub(crate) type SharedStop = OnceLock<Stop>;

/// The limits of one part of a run.
#[derive(Clone, Copy)]
pub(crate) struct RunLimits<'a> {
    /// The end of the part. Only the time for calls to PayPal is bounded by it.
    calls_until: Deadline,
    /// The end of the request, for the records of outcomes.
    pub(crate) deadline: Deadline,
    stop: &'a SharedStop,
}

impl<'a> RunLimits<'a> {
    pub(crate) fn new(calls_until: Deadline, deadline: Deadline, stop: &'a SharedStop) -> Self {
        Self {
            calls_until,
            deadline,
            stop,
        }
    }

    /// The limits of a request with a single payment. Only its deadline bounds it.
    pub(crate) fn of_request(deadline: Deadline, stop: &'a SharedStop) -> Self {
        Self::new(deadline, deadline, stop)
    }

    /// The reason to make no call now.
    pub(crate) fn stop(&self, platform: &dyn Platform) -> Option<Stop> {
        self.stop
            .get()
            .copied()
            .or_else(|| (!self.has_time(platform, CALL)).then_some(Stop::TimeOver))
    }

    /// Whether `needed` is left for calls.
    pub(crate) fn has_time(&self, platform: &dyn Platform, needed: Duration) -> bool {
        self.calls_until.left(platform.now()) >= needed
    }

    /// Stops the run if the failed call says that no other would fare better.
    pub(crate) fn note(&self, error: &PayPalError) {
        match (error.wait(), error.meaning()) {
            (Some(wait), _) => {
                self.stop.get_or_init(|| Stop::Pause(wait));
            }
            (None, Meaning::Ours) => {
                self.stop.get_or_init(|| {
                    log::error!("PayPal refuses us, the run stops: {error}");
                    Stop::Refused
                });
            }
            _ => {}
        }
    }
}

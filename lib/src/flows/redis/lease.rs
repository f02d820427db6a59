//! Leases with unique owners.

use crate::{app::App, clients::upstash::Lease};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

/// A lease on `key` for a new owner. It is not taken yet.
pub(in crate::flows) fn new_lease(app: &App, key: String, millis: u64) -> Lease {
    Lease {
        key,
        owner: unique_name(app),
        millis,
    }
}

/// A name of 128 random bits.
pub(in crate::flows) fn unique_name(app: &App) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(&app.platform().random()[..16])
}

//! Leases with unique owners.

use crate::{clients::upstash::Lease, platform::Platform};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

/// A lease on `key` for a new owner. It is not taken yet.
pub(in crate::flows) fn new_lease(platform: &dyn Platform, key: String, millis: u64) -> Lease {
    Lease {
        key,
        owner: unique_name(platform),
        millis,
    }
}

/// A name of 128 random bits.
pub(in crate::flows) fn unique_name(platform: &dyn Platform) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(&platform.random()[..16])
}

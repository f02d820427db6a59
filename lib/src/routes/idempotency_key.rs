//! The header that makes a retry safe.

use crate::{
    domain::{booking::parse_idempotency_key, refusal::Refusal},
    web::{fields::Fields, request::Request},
};

pub(super) const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// The value of `Idempotency-Key`, if the header is there. Errors join those of `fields`.
pub(super) fn read_idempotency_key(request: &Request, fields: &mut Fields) -> Option<String> {
    const SHAPE: Refusal = Refusal::new(
        "invalid_header",
        "the header must be 1 to 255 visible ASCII characters",
    );
    let value = request.headers.get(IDEMPOTENCY_KEY)?;
    let parsed = value
        .to_str()
        .map_err(|_| SHAPE)
        .and_then(parse_idempotency_key);
    parsed
        .map_err(|refusal| fields.refuse(IDEMPOTENCY_KEY, refusal))
        .ok()
}

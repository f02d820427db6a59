//! The address of the client.

use http::{HeaderMap, HeaderName};
use std::net::IpAddr;

/// The client's address: the one in the trusted header, otherwise the peer of the socket.
///
/// Uses the last address in the trusted header: the one that the nearest proxy saw. Clients can
/// forge everything before it, and every other forwarding header. Platforms that overwrite the
/// header send one address.
///
/// An unreadable header counts as missing. Behind a proxy the peer is the proxy, so all such
/// clients share one address and one limit. That is safer than a limit that a client can evade.
pub(crate) fn client_address(
    headers: &HeaderMap,
    trusted_header: Option<&HeaderName>,
    peer: Option<IpAddr>,
) -> Option<IpAddr> {
    trusted_header
        .and_then(|name| headers.get_all(name).iter().next_back())
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.rsplit(',').next())
        .and_then(|address| address.trim().parse().ok())
        .or(peer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    const TRUSTED: HeaderName = HeaderName::from_static("x-vercel-forwarded-for");
    const PEER: &str = "127.0.0.1";

    /// Asserts the address of a client behind `PEER` that sends one header.
    #[track_caller]
    fn assert_address(name: HeaderName, value: &'static str, expected: &str) {
        let headers = HeaderMap::from_iter([(name, HeaderValue::from_static(value))]);
        assert_eq!(
            client_address(&headers, Some(&TRUSTED), Some(PEER.parse().unwrap())),
            Some(expected.parse().unwrap())
        );
    }

    #[test]
    fn only_the_trusted_header_counts() {
        let other = HeaderName::from_static("x-forwarded-for");
        assert_address(other, "198.51.100.1", PEER);
    }

    #[test]
    fn last_address_in_trusted_header_counts() {
        assert_address(TRUSTED, "spoofed, 192.0.2.1", "192.0.2.1");
    }

    #[test]
    fn unreadable_trusted_header_counts_as_missing() {
        assert_address(TRUSTED, "nonsense", PEER);
    }
}

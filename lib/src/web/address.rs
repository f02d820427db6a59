//! The address of the client.

use http::{HeaderMap, HeaderName};
use std::net::IpAddr;

/// The client's address: the one in the trusted header, otherwise the peer of the socket.
///
/// Clients can forge every other forwarding header. The trusted header may hold several addresses.
/// The last one is the address that the nearest proxy saw. Platforms that overwrite the header send
/// one.
pub(crate) fn client_address(
    headers: &HeaderMap,
    trusted: Option<&HeaderName>,
    peer: Option<IpAddr>,
) -> Option<IpAddr> {
    trusted
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

    #[test]
    fn only_the_trusted_header_counts() {
        let trusted = HeaderName::from_static("x-vercel-forwarded-for");
        let peer = Some("127.0.0.1".parse().unwrap());
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", HeaderValue::from_static("198.51.100.1"));
        assert_eq!(client_address(&headers, Some(&trusted), peer), peer);
        headers.insert(
            trusted.clone(),
            HeaderValue::from_static("spoofed, 192.0.2.1"),
        );
        assert_eq!(
            client_address(&headers, Some(&trusted), peer),
            Some("192.0.2.1".parse().unwrap())
        );
        headers.insert(trusted.clone(), HeaderValue::from_static("nonsense"));
        assert_eq!(client_address(&headers, Some(&trusted), peer), peer);
    }
}

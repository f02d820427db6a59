//! The security headers of every response, the same as in `vercel.json`.
//!
//! Cloudflare serves static files without this code. `script/build-worker` writes their headers
//! into the file `_headers`.

use http::{HeaderMap, HeaderName, HeaderValue};

const HEADERS: &[(&str, &str)] = &[
    (
        "strict-transport-security",
        "max-age=63072000; includeSubDomains",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    (
        "content-security-policy",
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (
        "permissions-policy",
        "camera=(), geolocation=(), microphone=(), payment=()",
    ),
];

/// Replaces headers of the same name.
pub(crate) fn add_headers(headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn responses_have_the_headers_of_vercel() {
        let vercel: Value = serde_json::from_str(include_str!("../../../vercel.json")).unwrap();
        let rules = vercel["headers"].as_array().unwrap();
        let global = rules.iter().find(|rule| rule["source"] == "/(.*)").unwrap();
        let expected: Vec<(String, &str)> = global["headers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|header| {
                let name = header["key"].as_str().unwrap().to_ascii_lowercase();
                (name, header["value"].as_str().unwrap())
            })
            .collect();
        let mut added = HeaderMap::new();
        added.insert("x-frame-options", HeaderValue::from_static("SAMEORIGIN"));
        add_headers(&mut added);
        assert_eq!(added.len(), expected.len());
        for (name, value) in expected {
            let found: Vec<_> = added.get_all(&name).iter().collect();
            assert_eq!(found, [value], "{name}");
        }
    }
}

//! The roots of DigiCert, the authority that issues PayPal's signing certificates.
//! <https://www.digicert.com/kb/digicert-root-certificates.htm>
//!
//! With four roots instead of all public ones, another authority's mistake cannot forge an event,
//! and the Worker is a tenth smaller. If PayPal changes its authority, events are refused and
//! logged. With `PAYPAL_WEBHOOK_VERIFICATION=api`, PayPal then verifies them.

use rustls_pki_types::{CertificateDer, TrustAnchor};
use webpki::anchor_from_trusted_cert;

const DIGICERT: [&[u8]; 4] = [
    include_bytes!("roots/digicert_global_root_g2.der"),
    include_bytes!("roots/digicert_global_root_ca.der"),
    include_bytes!("roots/digicert_high_assurance_ev_root_ca.der"),
    include_bytes!("roots/digicert_tls_rsa4096_root_g5.der"),
];

/// DigiCert's roots with RSA keys.
pub(super) fn digicert() -> Vec<TrustAnchor<'static>> {
    DIGICERT
        .into_iter()
        .filter_map(|der| {
            let certificate = CertificateDer::from(der);
            let anchor = anchor_from_trusted_cert(&certificate).ok()?;
            Some(anchor.to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_match_public_roots() {
        let roots = digicert();
        assert_eq!(roots.len(), DIGICERT.len());
        for root in &roots {
            let public = webpki_roots::TLS_SERVER_ROOTS
                .iter()
                .find(|public| public.subject == root.subject);
            let key = public.map(|public| &public.subject_public_key_info);
            // Browsers no longer trust the oldest root. PayPal's SDKs still contain it.
            assert!(key.is_none_or(|key| *key == root.subject_public_key_info));
        }
        let known = roots.iter().filter(|root| {
            webpki_roots::TLS_SERVER_ROOTS
                .iter()
                .any(|public| public.subject == root.subject)
        });
        assert!(known.count() >= 2);
    }
}

//! The roots that PayPal's signing certificates lead to: DigiCert's, which issues PayPal's certificates.
//! <https://www.digicert.com/kb/digicert-root-certificates.htm>
//!
//! Trusting these four instead of every public root keeps a mistake of any other authority away from the payments, and
//! a tenth of the Worker's size. Should PayPal go to another authority, events are refused, the log says so, and
//! `PAYPAL_WEBHOOK_VERIFICATION=api` asks PayPal instead.

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
    fn each_root_is_the_public_one_of_its_name() {
        let roots = digicert();
        assert_eq!(roots.len(), DIGICERT.len());
        for root in &roots {
            let public = webpki_roots::TLS_SERVER_ROOTS
                .iter()
                .find(|public| public.subject == root.subject);
            let key = public.map(|public| &public.subject_public_key_info);
            // Browsers have stopped to trust the oldest one, which PayPal's own SDKs still carry.
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

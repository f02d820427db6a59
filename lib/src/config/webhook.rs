//! PayPal's webhook: its id and the way to verify its deliveries.

use super::{
    ConfigError, PayPalMode,
    read::{Environment, MISSING, error},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use rustls_pki_types::{CertificateDer, TrustAnchor, pem::PemObject};
use webpki::anchor_from_trusted_cert;

const ID: &str = "PAYPAL_WEBHOOK_ID";
const VERIFICATION: &str = "PAYPAL_WEBHOOK_VERIFICATION";
const ROOT: &str = "PAYPAL_WEBHOOK_ROOT";

/// The webhook that PayPal delivers events to.
#[derive(Clone, Debug)]
pub(crate) struct Webhook {
    /// The id that PayPal assigned. It is part of the signed text, so a delivery to another
    /// webhook is refused.
    pub(crate) id: String,
    pub(crate) verification: Verification,
}

/// The two ways to verify a signature.
#[derive(Clone, Debug)]
pub(crate) enum Verification {
    /// PayPal verifies it: one request for each delivery.
    Api,
    /// The product verifies it with PayPal's certificate.
    Certificate {
        /// Replaces DigiCert's roots.
        root: Option<TrustAnchor<'static>>,
    },
}

impl Webhook {
    pub(super) fn read(
        environment: &Environment<'_>,
        mode: PayPalMode,
    ) -> Result<Option<Self>, ConfigError> {
        let (id, verification) = (environment(ID), environment(VERIFICATION));
        let root = environment(ROOT);
        let Some(id) = id else {
            return if verification.is_some() || root.is_some() {
                Err(error(ID, MISSING))
            } else {
                Ok(None)
            };
        };
        if !is_id(&id) {
            return Err(error(ID, "is not a webhook id"));
        }
        let root = root
            .map(|text| match mode {
                PayPalMode::Live => Err(error(ROOT, "must not be set when PAYPAL_MODE is live")),
                PayPalMode::Sandbox => {
                    certificate(&text).ok_or(error(ROOT, "is not one certificate"))
                }
            })
            .transpose()?;
        let verification = match verification.as_deref() {
            None | Some("api") => Verification::Api,
            Some("certificate") => Verification::Certificate { root },
            Some(_) => return Err(error(VERIFICATION, "is neither api nor certificate")),
        };
        Ok(Some(Self { id, verification }))
    }
}

/// PayPal's ids have letters and digits. Its simulator and the local PayPal use words.
fn is_id(text: &str) -> bool {
    text.len() <= 50
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// Reads one certificate as PEM or as base64 of DER. Newlines in the PEM may be written as `\n`,
/// because many platforms accept only one line for a variable.
fn certificate(text: &str) -> Option<TrustAnchor<'static>> {
    let text = text.replace("\\n", "\n");
    let der = if text.contains("-----BEGIN") {
        let mut certificates = CertificateDer::pem_slice_iter(text.as_bytes());
        let first = certificates.next()?.ok()?;
        // With two certificates, the root would be ambiguous.
        certificates.next().is_none().then_some(first)?
    } else {
        let base64: String = text.split_whitespace().collect();
        CertificateDer::from(BASE64_STANDARD.decode(base64).ok()?)
    };
    anchor_from_trusted_cert(&der)
        .ok()
        .map(|anchor| anchor.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT_PEM: &str = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../hosts/local/certificates/root.pem"
    ));
    const OTHER_PEM: &str = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../hosts/local/certificates/intermediate.pem"
    ));

    fn read_in(mode: PayPalMode, set: &[(&str, &str)]) -> Result<Option<Webhook>, ConfigError> {
        let environment = |name: &str| {
            set.iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        };
        Webhook::read(&environment, mode)
    }

    fn read(set: &[(&str, &str)]) -> Result<Option<Webhook>, ConfigError> {
        read_in(PayPalMode::Sandbox, set)
    }

    fn root_of(text: &str) -> Result<TrustAnchor<'static>, ConfigError> {
        let set = [(ID, "W1"), (VERIFICATION, "certificate"), (ROOT, text)];
        match read(&set)?.unwrap().verification {
            Verification::Certificate { root } => Ok(root.unwrap()),
            Verification::Api => panic!("PayPal verifies the signature"),
        }
    }

    #[test]
    fn paypal_verifies_by_default() {
        assert!(read(&[]).unwrap().is_none());
        let webhook = read(&[(ID, "1JE4291016473214C")]).unwrap().unwrap();
        assert_eq!(webhook.id, "1JE4291016473214C");
        assert!(matches!(webhook.verification, Verification::Api));
        let set = [(ID, "WEBHOOK_ID"), (VERIFICATION, "certificate")];
        assert!(matches!(
            read_in(PayPalMode::Live, &set)
                .unwrap()
                .unwrap()
                .verification,
            Verification::Certificate { root: None }
        ));
    }

    #[test]
    fn root_is_read_from_pem_and_base64() {
        let escaped = ROOT_PEM.replace('\n', "\\n");
        let lines: Vec<&str> = ROOT_PEM
            .lines()
            .filter(|line| !line.starts_with("-----"))
            .collect();
        let expected = root_of(ROOT_PEM).unwrap();
        for text in [
            escaped,
            ROOT_PEM.replace('\n', "\r\n"),
            lines.concat(),
            lines.join("\n"),
        ] {
            assert_eq!(root_of(&text).unwrap(), expected, "{text}");
        }
        assert_ne!(root_of(OTHER_PEM).unwrap(), expected);
    }

    #[test]
    fn invalid_root_is_refused() {
        let key = include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../hosts/local/certificates/webhook.key.pem"
        ));
        let two = format!("{ROOT_PEM}{OTHER_PEM}");
        let half = ROOT_PEM.get(..600).unwrap();
        let hollow = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for text in ["root.pem", "AAAA", "{", key, &two, half, hollow] {
            assert_eq!(
                root_of(text).unwrap_err(),
                error(ROOT, "is not one certificate"),
                "{text}"
            );
        }
    }

    #[test]
    fn contradiction_names_variable() {
        let long = "A".repeat(51);
        for (set, variable) in [
            (vec![(VERIFICATION, "api")], ID),
            (vec![(ROOT, ROOT_PEM)], ID),
            (vec![(ID, "W1"), (VERIFICATION, "none")], VERIFICATION),
            (vec![(ID, "W1"), (VERIFICATION, "API")], VERIFICATION),
            (vec![(ID, "W1"), (ROOT, "nonsense")], ROOT),
            (vec![(ID, "W|1")], ID),
            (vec![(ID, "W 1")], ID),
            (vec![(ID, long.as_str())], ID),
        ] {
            assert_eq!(read(&set).unwrap_err().variable, variable, "{set:?}");
        }
        let live = [(ID, "W1"), (ROOT, ROOT_PEM)];
        assert!(read(&live).is_ok());
        assert_eq!(
            read_in(PayPalMode::Live, &live).unwrap_err(),
            error(ROOT, "must not be set when PAYPAL_MODE is live")
        );
    }
}

//! Certificate chains: the signing certificate and its intermediates (RFC 5280).

use super::{address, signature};
use crate::config::PayPalMode;
use bytes::Bytes;
use jiff::Timestamp;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime, pem::PemObject};
use std::time::Duration;
use webpki::{EndEntityCert, Error, KeyUsage};

/// A chain is a few kilobytes.
const MAX_BYTES: usize = 64 * 1024;

/// The certificates at an address. They are checked for each event, because validity depends on
/// time.
pub(super) struct Chain {
    signer: CertificateDer<'static>,
    intermediates: Vec<CertificateDer<'static>>,
}

impl Chain {
    /// Reads PEM with the signer's certificate first. `None` when the PEM is malformed.
    pub(super) fn read(pem: &Bytes) -> Option<Self> {
        if pem.len() > MAX_BYTES {
            return None;
        }
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let mut certificates = certificates.ok()?.into_iter();
        Some(Self {
            signer: certificates.next()?,
            intermediates: certificates.collect(),
        })
    }

    /// The signer, if its certificate is PayPal's and one of `roots` certifies it at `now`.
    pub(super) fn signer(
        &self,
        roots: &[TrustAnchor<'_>],
        mode: PayPalMode,
        now: Timestamp,
    ) -> Result<Signer<'_>, Error> {
        let signer = EndEntityCert::try_from(&self.signer)?;
        let since_epoch = now.duration_since(Timestamp::UNIX_EPOCH);
        let since_epoch =
            Duration::try_from(since_epoch).map_err(|_| Error::InvalidCertValidity)?;
        signer.verify_for_usage(
            signature::CERTIFICATE_ALGORITHMS,
            roots,
            &self.intermediates,
            UnixTime::since_unix_epoch(since_epoch),
            KeyUsage::server_auth(),
            None,
            None,
        )?;
        let mut result = Err(Error::UnsupportedNameType);
        for name in address::names(mode) {
            result = signer.verify_is_valid_for_subject_name(&name);
            if result.is_ok() {
                break;
            }
        }
        result.map(|()| Signer(signer))
    }
}

/// A trusted certificate of PayPal.
pub(super) struct Signer<'a>(EndEntityCert<'a>);

impl Signer<'_> {
    /// Whether `signature` is the signer's signature of `text`.
    pub(super) fn has_signed(&self, text: &str, signature: &[u8]) -> bool {
        self.0
            .verify_signature(signature::EVENT_ALGORITHM, text.as_bytes(), signature)
            .is_ok()
    }
}

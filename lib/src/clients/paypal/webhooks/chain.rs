//! The certificate that signs, and those that lead from it to a root (RFC 5280).

use super::{address, signature};
use crate::config::PayPalMode;
use bytes::Bytes;
use jiff::Timestamp;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime, pem::PemObject};
use std::time::Duration;
use webpki::{EndEntityCert, Error, KeyUsage};

/// A chain is a few kilobytes.
const MOST_BYTES: usize = 64 * 1024;

/// What PayPal published at an address. Whether it is good is asked anew for each event: it is so at a time only.
pub(super) struct Chain {
    signer: CertificateDer<'static>,
    intermediates: Vec<CertificateDer<'static>>,
}

impl Chain {
    /// Reads PEM in which the signer comes first. `None` when it is no such thing.
    pub(super) fn read(pem: &Bytes) -> Option<Self> {
        if pem.len() > MOST_BYTES {
            return None;
        }
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let mut certificates = certificates.ok()?.into_iter();
        Some(Self {
            signer: certificates.next()?,
            intermediates: certificates.collect(),
        })
    }

    /// The signer, if at `now` it is PayPal's by the word of one of `roots`.
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
            signature::OF_CERTIFICATES,
            roots,
            &self.intermediates,
            UnixTime::since_unix_epoch(since_epoch),
            KeyUsage::server_auth(),
            None,
            None,
        )?;
        let mut checked = Err(Error::UnsupportedNameType);
        for name in address::names(mode) {
            checked = signer.verify_is_valid_for_subject_name(&name);
            if checked.is_ok() {
                break;
            }
        }
        checked.map(|()| Signer(signer))
    }
}

/// A certificate that is PayPal's.
pub(super) struct Signer<'a>(EndEntityCert<'a>);

impl Signer<'_> {
    /// Whether `signature` is its signature of `text`.
    pub(super) fn signed(&self, text: &str, signature: &[u8]) -> bool {
        self.0
            .verify_signature(signature::OF_EVENTS, text.as_bytes(), signature)
            .is_ok()
    }
}

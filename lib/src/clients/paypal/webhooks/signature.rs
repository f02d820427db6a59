//! RSASSA-PKCS1-v1_5 (RFC 8017, section 8.2) for certificates and events. `webpki` has no
//! cryptography of its own.

use rsa::{
    PublicKey,
    pkcs1::DecodeRsaPublicKey,
    sha2::{Sha256, Sha384, Sha512},
    traits::PublicKeyParts,
};
use rustls_pki_types::{
    AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id,
};

/// The algorithm of events.
pub(super) const EVENT_ALGORITHM: &dyn SignatureVerificationAlgorithm = &Rsa::Sha256;

/// The algorithms of certificates. DigiCert's roots have RSA keys.
pub(super) const CERTIFICATE_ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] =
    &[&Rsa::Sha256, &Rsa::Sha384, &Rsa::Sha512];

/// The smallest key that public authorities certify: 2048 bits.
const MIN_KEY_BYTES: usize = 256;

/// The algorithm for each digest.
#[derive(Debug)]
enum Rsa {
    Sha256,
    Sha384,
    Sha512,
}

impl SignatureVerificationAlgorithm for Rsa {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let key = PublicKey::from_pkcs1_der(public_key).map_err(|_| InvalidSignature)?;
        if key.size() < MIN_KEY_BYTES {
            return Err(InvalidSignature);
        }
        match self {
            Self::Sha256 => key.pkcs1v15_verify::<Sha256>(message, signature),
            Self::Sha384 => key.pkcs1v15_verify::<Sha384>(message, signature),
            Self::Sha512 => key.pkcs1v15_verify::<Sha512>(message, signature),
        }
        .map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::RSA_ENCRYPTION
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        match self {
            Self::Sha256 => alg_id::RSA_PKCS1_SHA256,
            Self::Sha384 => alg_id::RSA_PKCS1_SHA384,
            Self::Sha512 => alg_id::RSA_PKCS1_SHA512,
        }
    }
}

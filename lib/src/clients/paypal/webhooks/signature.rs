//! RSASSA-PKCS1-v1_5 (RFC 8017, 8.2), for certificates and for events: `webpki` brings no cryptography of its own.

use rsa::{
    PublicKey,
    pkcs1::DecodeRsaPublicKey,
    sha2::{Sha256, Sha384, Sha512},
    traits::PublicKeyParts,
};
use rustls_pki_types::{
    AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id,
};

/// What PayPal signs events with.
pub(super) const OF_EVENTS: &dyn SignatureVerificationAlgorithm = &Rsa::Sha256;

/// What certificates are signed with. An authority with another kind of key would have to be added here.
pub(super) const OF_CERTIFICATES: &[&dyn SignatureVerificationAlgorithm] =
    &[&Rsa::Sha256, &Rsa::Sha384, &Rsa::Sha512];

/// The smallest key that public authorities certify: 2048 bits.
const LEAST_KEY_BYTES: usize = 256;

/// By digest.
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
        if key.size() < LEAST_KEY_BYTES {
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

//! The authorities that may have signed a database's certificate.

use crate::error::Error;
use rustls::{
    CertificateError, ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use std::{error::Error as StdError, io, path::PathBuf, sync::Arc};
use tokio_postgres_rustls::MakeRustlsConnect;

/// The advice if no public authority signed the certificate, as at Supabase.
const UNKNOWN_AUTHORITY: &str = "Its certificate is signed by an authority that is not trusted. \
     Supabase has its own authority: download its certificate \
     (Project settings > Database > SSL configuration) and name the file in EXO_DATABASE_CA, \
     or as sslrootcert=FILE in DATABASE_URL";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// The authorities that browsers trust, compiled in.
    Public,
    /// The authorities of a PEM file, and no others.
    File(PathBuf),
}

impl Trust {
    /// `system` means the public authorities, as in libpq.
    pub(super) fn new(file: Option<&str>) -> Self {
        match file {
            None | Some("system") => Self::Public,
            Some(file) => Self::File(file.into()),
        }
    }

    pub(super) fn connector(&self) -> Result<MakeRustlsConnect, Error> {
        let roots = self.roots()?;
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::Io {
                step: "prepare TLS".to_owned(),
                source: io::Error::other(error),
            })?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(MakeRustlsConnect::new(config))
    }

    /// Advice on a failed connection, if the reason is the certificate's signature.
    pub(super) fn advice(&self, error: &tokio_postgres::Error) -> Option<String> {
        let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
        while let Some(deeper) = cause {
            let inner = deeper
                .downcast_ref::<io::Error>()
                .and_then(io::Error::get_ref);
            let refused = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>());
            if let Some(rustls::Error::InvalidCertificate(
                CertificateError::UnknownIssuer | CertificateError::BadSignature,
            )) = refused
            {
                return Some(match self {
                    Self::Public => UNKNOWN_AUTHORITY.to_owned(),
                    Self::File(file) => format!(
                        "Its certificate is not signed by an authority in {}",
                        file.display()
                    ),
                });
            }
            cause = deeper.source();
        }
        None
    }

    fn roots(&self) -> Result<RootCertStore, Error> {
        let mut roots = RootCertStore::empty();
        let file = match self {
            Self::Public => {
                roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
                return Ok(roots);
            }
            Self::File(file) => file,
        };
        let unusable = |problem: String| Error::Variable {
            variable: "EXO_DATABASE_CA",
            problem: format!("(or sslrootcert): {}: {problem}", file.display()),
        };
        let certificates =
            CertificateDer::pem_file_iter(file).map_err(|error| unusable(error.to_string()))?;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
            roots
                .add(certificate)
                .map_err(|error| unusable(error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(unusable("holds no certificate in PEM".to_owned()));
        }
        Ok(roots)
    }
}

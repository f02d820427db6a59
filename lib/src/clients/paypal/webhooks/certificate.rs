//! Verification of events by the product, with PayPal's certificate.
//!
//! PayPal must publish the intermediate certificates with its own, as a TLS server does, but does
//! not promise it. An event whose certificate has no chain to a root is refused and logged.
//! Revocation is not checked: PayPal publishes a new certificate at a new address.

use super::{Authenticity, Delivery, address, chain::Chain, roots::digicert};
use crate::clients::paypal::{PayPal, PayPalError, error};
use bytes::Bytes;
use http::{Request, StatusCode};
use jiff::{SignedDuration, Timestamp};
use rustls_pki_types::TrustAnchor;
use std::sync::{Arc, Mutex, PoisonError};

const OPERATION: &str = "webhook_certificate";

/// PayPal's only signature algorithm.
const ALGORITHM: &str = "SHA256withRSA";

/// PayPal signs with one or two certificates at a time.
const CAPACITY: usize = 4;

/// PayPal may replace the certificate at an address before its expiry.
const MAX_AGE: SignedDuration = SignedDuration::from_hours(1);

/// Certificates of recent events on one instance. Only PayPal's certificates are cached, so a
/// stranger cannot evict them.
#[derive(Default)]
pub(crate) struct CertificateCache(Mutex<Vec<CachedChain>>);

struct CachedChain {
    url: String,
    chain: Arc<Chain>,
    fetched_at: Timestamp,
}

impl CertificateCache {
    fn get(&self, url: &str, now: Timestamp) -> Option<Arc<Chain>> {
        let chains = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        chains
            .iter()
            .find(|cached| cached.url == url && now.duration_since(cached.fetched_at) < MAX_AGE)
            .map(|cached| Arc::clone(&cached.chain))
    }

    /// Replaces the chain of `url`. A full cache drops its oldest chain.
    fn insert(&self, url: &str, chain: Chain, fetched_at: Timestamp) {
        let mut chains = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        chains.retain(|cached| cached.url != url);
        if chains.len() == CAPACITY {
            chains.remove(0);
        }
        chains.push(CachedChain {
            url: url.to_owned(),
            chain: Arc::new(chain),
            fetched_at,
        });
    }
}

impl PayPal<'_> {
    pub(super) async fn verify_by_certificate(
        &self,
        delivery: &Delivery,
        webhook_id: &str,
        root: Option<&TrustAnchor<'static>>,
    ) -> Result<Authenticity, PayPalError> {
        let url = &delivery.certificate_url;
        if delivery.algorithm != ALGORITHM || !address::is_certificate_url(url, self.config) {
            return Ok(Authenticity::Forged);
        }
        let roots = root.map_or_else(digicert, |root| vec![root.clone()]);
        let text = delivery.signed_text(webhook_id);
        let now = self.platform.now();
        if let Some(chain) = self.certificates.get(url, now)
            && let Ok(signer) = chain.signer(&roots, self.config.mode, now)
        {
            return Ok(Authenticity::of(
                signer.has_signed(&text, &delivery.signature),
            ));
        }
        let Some(chain) = self.fetch_chain(url).await? else {
            return Ok(Authenticity::Forged);
        };
        let now = self.platform.now();
        let is_signed = match chain.signer(&roots, self.config.mode, now) {
            Ok(signer) => signer.has_signed(&text, &delivery.signature),
            Err(error) => {
                log::warn!("paypal: the certificate at {url} is not trusted: {error}");
                return Ok(Authenticity::Forged);
            }
        };
        self.certificates.insert(url, chain, now);
        Ok(Authenticity::of(is_signed))
    }

    /// Fetches the chain that PayPal publishes at `url`. `None` when there is none. The chain is
    /// public, so the request carries no token. Hosts follow no redirects.
    async fn fetch_chain(&self, url: &str) -> Result<Option<Chain>, PayPalError> {
        let request =
            Request::get(url)
                .body(Bytes::new())
                .map_err(|_| PayPalError::Unbuildable {
                    operation: OPERATION,
                })?;
        let response = self.send(OPERATION, request).await?;
        match response.status() {
            // An unreadable chain is a failure of PayPal and says nothing about the delivery.
            StatusCode::OK => Chain::read(response.body())
                .map(Some)
                .ok_or(PayPalError::Unknown {
                    operation: OPERATION,
                }),
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(None),
            _ => Err(error::refusal(OPERATION, &response, self.platform.now())),
        }
    }
}

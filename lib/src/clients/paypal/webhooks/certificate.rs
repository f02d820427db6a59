//! Verification by certificate, here.
//!
//! PayPal must publish the intermediate certificates with its own, as a TLS server does. It does not promise to: an event
//! whose certificate leads nowhere is refused, and the log says so. Revocation is not looked at; PayPal puts another
//! certificate at another address.

use super::{Delivery, address, chain::Chain, roots::digicert};
use crate::clients::paypal::{PayPal, PayPalError, error};
use bytes::Bytes;
use http::{Request, StatusCode};
use jiff::{SignedDuration, Timestamp};
use rustls_pki_types::TrustAnchor;
use std::sync::{Arc, Mutex, PoisonError};

const OPERATION: &str = "webhook_certificate";

/// The one algorithm that PayPal signs with.
const ALGORITHM: &str = "SHA256withRSA";

/// PayPal signs with one or two certificates at a time.
const MOST_KEPT: usize = 4;

/// PayPal may replace a certificate under its address before its end.
const MOST_AGE: SignedDuration = SignedDuration::from_hours(1);

/// The certificates that events came with lately, for one instance. Only those that were PayPal's are kept, so that
/// nobody else can push them out.
#[derive(Default)]
pub struct CertificateCache(Mutex<Vec<Kept>>);

struct Kept {
    url: String,
    chain: Arc<Chain>,
    fetched_at: Timestamp,
}

impl CertificateCache {
    fn kept(&self, url: &str, now: Timestamp) -> Option<Arc<Chain>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter()
            .find(|kept| kept.url == url && now.duration_since(kept.fetched_at) < MOST_AGE)
            .map(|kept| Arc::clone(&kept.chain))
    }

    /// Takes the place of what was kept for `url`, else of what has been kept the longest.
    fn keep(&self, url: &str, chain: Chain, fetched_at: Timestamp) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|kept| kept.url != url);
        if kept.len() == MOST_KEPT {
            kept.remove(0);
        }
        kept.push(Kept {
            url: url.to_owned(),
            chain: Arc::new(chain),
            fetched_at,
        });
    }
}

impl PayPal<'_> {
    pub(super) async fn check_signature(
        &self,
        delivery: &Delivery,
        webhook_id: &str,
        root: Option<&TrustAnchor<'static>>,
    ) -> Result<bool, PayPalError> {
        let url = &delivery.certificate_url;
        if delivery.algorithm != ALGORITHM || !address::is_paypals(url, self.config) {
            return Ok(false);
        }
        let roots = root.map_or_else(digicert, |root| vec![root.clone()]);
        let text = delivery.signed_text(webhook_id);
        let now = self.platform.now();
        if let Some(chain) = self.certificates.kept(url, now)
            && let Ok(signer) = chain.signer(&roots, self.config.mode, now)
        {
            return Ok(signer.signed(&text, &delivery.signature));
        }
        let Some(chain) = self.fetch_chain(url).await? else {
            return Ok(false);
        };
        let now = self.platform.now();
        let is_signed = match chain.signer(&roots, self.config.mode, now) {
            Ok(signer) => signer.signed(&text, &delivery.signature),
            Err(error) => {
                log::warn!("paypal: {url} is not a certificate to trust: {error}");
                return Ok(false);
            }
        };
        self.certificates.keep(url, chain, now);
        Ok(is_signed)
    }

    /// Fetches what PayPal publishes at `url`; `None` when that is nothing. It is public, so PayPal's token stays here,
    /// and no host follows a redirect elsewhere.
    async fn fetch_chain(&self, url: &str) -> Result<Option<Chain>, PayPalError> {
        let request =
            Request::get(url)
                .body(Bytes::new())
                .map_err(|_| PayPalError::Unbuildable {
                    operation: OPERATION,
                })?;
        let answer = self.send(OPERATION, request).await?;
        match answer.status() {
            // What is no chain is PayPal's mistake, not the delivery's.
            StatusCode::OK => Chain::read(answer.body())
                .map(Some)
                .ok_or(PayPalError::Unknown {
                    operation: OPERATION,
                }),
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(None),
            _ => Err(error::refusal(OPERATION, &answer)),
        }
    }
}

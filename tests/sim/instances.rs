//! The running instances of the product. Each has its own memory, which a crash clears.

use crate::{
    network::note_response,
    platform::SimulatedPlatform,
    random::Random,
    slot::Slot,
    summary,
    world::{PendingRequest, ResponseResult, Upstream, World},
};
use exodrive::{
    Service,
    config::{Config, Defaults},
    platform::TransportError,
};
use exodrive_local::paypal::{WEBHOOK_ID, root};
use http::HeaderName;
use jiff::SignedDuration;
use std::sync::Arc;

const COUNT: u64 = 3;
/// Far above the skew of machines that synchronize their clocks.
const MAX_SKEW_MILLIS: u64 = 1000;

pub(crate) struct Instances {
    services: Vec<Service>,
    /// The clock skews of the machines. A replaced instance stays on its machine.
    skews: Vec<SignedDuration>,
}

impl Instances {
    pub(crate) fn new(world: &Arc<World>) -> Self {
        let mut random = Random::new(world.state().random.below(u64::MAX), "skews");
        let has_skew = random.chance(300);
        let max_skew = i64::try_from(MAX_SKEW_MILLIS).unwrap();
        let skews: Vec<SignedDuration> = (0..COUNT)
            .map(|_| i64::try_from(random.below(2 * MAX_SKEW_MILLIS + 1)).unwrap())
            .map(|millis| SignedDuration::from_millis(millis - max_skew))
            .map(|skew| if has_skew { skew } else { SignedDuration::ZERO })
            .collect();
        let services = skews
            .iter()
            .enumerate()
            .map(|(number, skew)| instance(world, number, *skew))
            .collect();
        Self { services, skews }
    }

    /// Replaces an instance that has crashed.
    pub(crate) fn replace(&mut self, world: &Arc<World>, number: usize) {
        self.services[number] = instance(world, number, self.skews[number]);
    }

    /// Starts a task that handles a request and fills `slot` with its response. A crash of the
    /// instance fills it with an error.
    pub(crate) fn serve(
        &self,
        world: &Arc<World>,
        number: usize,
        pending: &PendingRequest,
        slot: Arc<Slot<ResponseResult>>,
    ) {
        let service = self.services[number].clone();
        let request = pending.request.clone();
        let name = format!(
            "{} {}@{number}",
            pending.from.name,
            summary::request_line(&request)
        );
        let world_of_task = Arc::clone(world);
        let connection = Connection(slot);
        let work = async move {
            let response = service.handle(request, None).await;
            let origin = world_of_task.state().current.clone();
            note_response(&world_of_task, &origin.unwrap(), &response);
            connection.0.fill(Ok(response));
        };
        world.start(name, Some(number), Box::pin(work));
    }
}

/// Picks the number of a random instance.
pub(crate) fn pick(random: &mut Random) -> usize {
    random.below(COUNT).try_into().unwrap()
}

/// Breaks when the task that serves it is dropped.
struct Connection(Arc<Slot<ResponseResult>>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.fill(Err(TransportError::Unknown));
    }
}

fn instance(world: &Arc<World>, number: usize, skew: SignedDuration) -> Service {
    let platform = SimulatedPlatform {
        world: Arc::clone(world),
        instance: number,
        skew,
    };
    Service::new(Ok(config(number)), Arc::new(platform))
}

pub(crate) const CRON_SECRET: &str = "simulated-cron-secret";
pub(crate) const ADMIN_TOKEN: &str = "simulated-admin-token";

fn config(number: usize) -> Config {
    // Every run covers both ways to verify a webhook.
    let verification = if number == 0 { "api" } else { "certificate" };
    let root = root();
    let variable = |name: &str| {
        let value = match name {
            "SUPABASE_URL" => Upstream::Database.base_url(),
            "SUPABASE_SECRET_KEY" => "sb_secret_simulated",
            "UPSTASH_REDIS_REST_URL" => Upstream::Redis.base_url(),
            "UPSTASH_REDIS_REST_TOKEN" => "simulated-token",
            "PAYPAL_MODE" => "sandbox",
            "PAYPAL_BASE_URL" => Upstream::PayPal.base_url(),
            "PAYPAL_CLIENT_ID" => "simulated-client",
            "PAYPAL_CLIENT_SECRET" => "simulated-secret",
            "PUBLIC_BASE_URL" => Upstream::Product.base_url(),
            "PAYPAL_WEBHOOK_ID" => WEBHOOK_ID,
            "PAYPAL_WEBHOOK_VERIFICATION" => verification,
            "PAYPAL_WEBHOOK_ROOT" => &root,
            "CRON_SECRET" => CRON_SECRET,
            "ADMIN_TOKEN" => ADMIN_TOKEN,
            _ => return None,
        };
        Some(value.to_owned())
    };
    let defaults = Defaults {
        trusted_ip_header: Some(HeaderName::from_static("x-forwarded-for")),
        public_base_url: None,
    };
    Config::read(variable, defaults).unwrap()
}

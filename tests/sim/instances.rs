//! The instances of the product: each with a memory of its own, which ends with it.

use crate::{
    network::note_answer,
    random::Random,
    seam::Seam,
    slot::Slot,
    summary,
    world::{Answered, Sending, Upstream, World},
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

/// How many there are.
const COUNT: u64 = 3;
/// How many milliseconds a clock may be off by: far more than any that is kept in time.
const MOST_SKEW: u64 = 1000;

pub(crate) struct Instances {
    services: Vec<Service>,
    /// What a machine's clock is off by; the next instance in a place is on the same machine.
    skews: Vec<SignedDuration>,
}

impl Instances {
    pub(crate) fn new(world: &Arc<World>) -> Self {
        let mut random = Random::new(world.state().random.below(u64::MAX), "skews");
        let is_off = random.chance(300);
        let skews: Vec<SignedDuration> = (0..COUNT)
            .map(|_| i64::try_from(random.below(2 * MOST_SKEW + 1)).unwrap())
            .map(|millis| SignedDuration::from_millis(millis - i64::try_from(MOST_SKEW).unwrap()))
            .map(|skew| if is_off { skew } else { SignedDuration::ZERO })
            .collect();
        let services = skews
            .iter()
            .enumerate()
            .map(|(number, skew)| instance(world, number, *skew))
            .collect();
        Self { services, skews }
    }

    /// Another in the place of one that has crashed.
    pub(crate) fn replace(&mut self, world: &Arc<World>, number: usize) {
        self.services[number] = instance(world, number, self.skews[number]);
    }

    /// Starts to work on a request, in a task that an answer comes of, or the end of the instance.
    pub(crate) fn serve(
        &self,
        world: &Arc<World>,
        number: usize,
        sending: &Sending,
        answer: Arc<Slot<Answered>>,
    ) {
        let service = self.services[number].clone();
        let request = sending.request.clone();
        let name = format!("{} {}@{number}", sending.from.name, summary::line(&request));
        let world_of_task = Arc::clone(world);
        let connection = Connection(answer);
        let work = async move {
            let response = service.handle(request, None).await;
            let origin = world_of_task.state().current.clone();
            note_answer(&world_of_task, &origin.unwrap(), &response);
            connection.0.fill(Ok(response));
        };
        world.start(name, Some(number), Box::pin(work));
    }
}

/// The number of any instance.
pub(crate) fn any(random: &mut Random) -> usize {
    random.below(COUNT).try_into().unwrap()
}

/// Breaks when the task that was to answer is gone.
struct Connection(Arc<Slot<Answered>>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.fill(Err(TransportError::Unknown));
    }
}

fn instance(world: &Arc<World>, number: usize, skew: SignedDuration) -> Service {
    let seam = Seam {
        world: Arc::clone(world),
        instance: number,
        skew,
    };
    Service::new(Ok(config(number)), Arc::new(seam))
}

/// What the crons show.
pub(crate) const CRON_SECRET: &str = "simulated-cron-secret";
/// What operators show.
pub(crate) const ADMIN_TOKEN: &str = "simulated-admin-token";

fn config(number: usize) -> Config {
    // Both ways to verify an event must do.
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

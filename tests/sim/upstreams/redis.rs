//! The Upstash emulator over a real Redis. Keys get a prefix and expire by the simulated clock.

use crate::{environment::variable, mutations::Mutation};
use axum::{Router, body::Body};
use bytes::Bytes;
use exodrive::clients::upstash::{ADMIT, DELETE_IF_EQUAL, Script};
use exodrive_local::upstash;
use http::{Request, Response, header};
use http_body_util::BodyExt;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};
use tokio::runtime::Runtime;
use tower::ServiceExt;

const TOKEN: &str = "simulated-token";

pub(super) struct Redis {
    router: Router,
    prefix: String,
    /// The keys' expiries by the simulated clock. In Redis itself only scripts set expiries, which
    /// are longer than a run takes in real time.
    expiries: BTreeMap<String, Timestamp>,
    used_keys: BTreeSet<String>,
    mutation: Option<Mutation>,
}

/// A command for Redis, without expiries.
struct ForwardedCommand {
    words: Vec<String>,
    /// The expiries that the command sets if it succeeds.
    expiries: Vec<Expiry>,
}

struct Expiry {
    key: String,
    at: Timestamp,
    condition: Condition,
}

/// The reply that lets a command set an expiry.
#[derive(PartialEq, Eq)]
enum Condition {
    Always,
    /// The script admits the request.
    Admitted,
    /// The script makes the request the leader that loads the key.
    Leader,
    /// The script creates the missing epoch with this name.
    EpochIs(String),
    /// The script creates the missing generation with this name.
    GenerationIs(String),
}

impl Redis {
    pub(super) fn new(mutation: Option<Mutation>) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let client = redis::Client::open(variable("REDIS_URL")).unwrap();
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        Self {
            router: upstash::router(client, TOKEN.to_owned(), Arc::default()),
            prefix: format!("simulation:{}:{number}:", std::process::id()),
            expiries: BTreeMap::new(),
            used_keys: BTreeSet::new(),
            mutation,
        }
    }

    pub(super) fn reset(&mut self, runtime: &Runtime) {
        self.expiries.clear();
        let keys = std::mem::take(&mut self.used_keys);
        self.delete(runtime, keys);
    }

    fn delete(&self, runtime: &Runtime, keys: impl IntoIterator<Item = String>) {
        let mut words = vec!["DEL".to_owned()];
        words.extend(keys.into_iter().map(|key| format!("{}{key}", self.prefix)));
        if words.len() > 1 {
            self.send(runtime, &[words]);
        }
    }

    /// Runs a pipeline or a transaction. Both have the same effect, because calls never overlap.
    pub(super) fn perform(
        &mut self,
        runtime: &Runtime,
        now: Timestamp,
        request: &Request<Bytes>,
    ) -> Response<Bytes> {
        assert!(["/pipeline", "/multi-exec"].contains(&request.uri().path()));
        let expired: Vec<String> = self
            .expiries
            .iter()
            .filter(|(_, at)| **at <= now)
            .map(|(key, _)| key.clone())
            .collect();
        self.expiries.retain(|_, at| *at > now);
        self.delete(runtime, expired);

        let commands: Vec<Vec<String>> = serde_json::from_slice(request.body()).unwrap();
        let forwarded: Vec<ForwardedCommand> = commands
            .iter()
            .map(|command| self.translate(command, now))
            .collect();
        let words: Vec<Vec<String>> = forwarded.iter().map(|it| it.words.clone()).collect();
        let mut results = self.send(runtime, &words);
        for (command, result) in forwarded.into_iter().zip(&results) {
            let has_effect = !matches!(result["result"], Value::Null) && result["result"] != 0;
            for expiry in command.expiries.into_iter().filter(|_| has_effect) {
                let current = result["result"][4].as_str();
                let is_set = match expiry.condition {
                    Condition::Always => true,
                    Condition::Admitted => !result["result"][2].is_null(),
                    Condition::Leader => result["result"][2] == 1,
                    Condition::EpochIs(name) => current.is_some_and(|it| it.starts_with(&name)),
                    Condition::GenerationIs(name) => current.is_some_and(|it| it.ends_with(&name)),
                };
                if is_set {
                    self.expiries.insert(expiry.key, expiry.at);
                }
            }
        }
        if self.mutation == Some(Mutation::GenerationCheck) {
            for (command, result) in commands.iter().zip(&mut results) {
                hide_generation(command, &mut result["result"]);
            }
        }
        super::json(200, Value::Array(results).to_string())
    }

    /// Prefixes the keys and removes the expiries. A new command of the product must be added here.
    fn translate(&mut self, command: &[String], now: Timestamp) -> ForwardedCommand {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let (words, expiries) = match words.as_slice() {
            ["SET", key, ..]
                if key.starts_with("generation:")
                    && self.mutation == Some(Mutation::Invalidation) =>
            {
                (vec!["PING".to_owned()], Vec::new())
            }
            ["PING"] => (vec!["PING".to_owned()], Vec::new()),
            [name @ ("GET" | "DEL" | "HGETALL"), key] => {
                (vec![(*name).to_owned(), self.key(key)], Vec::new())
            }
            ["EXPIRE", key, seconds] => {
                let lifetime = SignedDuration::from_secs(seconds.parse().unwrap());
                let expiry = Expiry::new(key, now, lifetime, Condition::Always);
                (vec!["EXISTS".to_owned(), self.key(key)], vec![expiry])
            }
            [
                name @ ("HINCRBY" | "ZADD" | "ZREMRANGEBYRANK" | "ZREMRANGEBYSCORE"),
                key,
                first,
                second,
            ] => {
                let words = [*name, &self.key(key), first, second];
                (words.map(str::to_owned).to_vec(), Vec::new())
            }
            ["SET", key, value, rest @ ..] => {
                let (is_conditional, lifetime) = match rest {
                    ["EX", seconds] => (false, SignedDuration::from_secs(seconds.parse().unwrap())),
                    ["NX", "PX", millis] => {
                        (true, SignedDuration::from_millis(millis.parse().unwrap()))
                    }
                    _ => panic!("the simulation does not know SET with {rest:?}"),
                };
                let mut words = vec!["SET".to_owned(), self.key(key), (*value).to_owned()];
                words.extend(is_conditional.then(|| "NX".to_owned()));
                let expiry = Expiry::new(key, now, lifetime, Condition::Always);
                (words, vec![expiry])
            }
            ["EVALSHA", sha1, count, rest @ ..] => {
                self.translate_script(sha1, count.parse().unwrap(), rest, now)
            }
            _ => panic!("the simulation does not know the command {command:?}"),
        };
        ForwardedCommand { words, expiries }
    }

    /// Sends the script's source, because Redis may not know its digest.
    fn translate_script(
        &mut self,
        sha1: &str,
        count: usize,
        rest: &[&str],
        now: Timestamp,
    ) -> (Vec<String>, Vec<Expiry>) {
        let scripts: [&Script; 2] = [&ADMIT, &DELETE_IF_EQUAL];
        let script = scripts
            .into_iter()
            .find(|script| script.sha1 == sha1)
            .unwrap();
        let (keys, arguments) = rest.split_at(count);
        let mut words = vec![
            "EVAL".to_owned(),
            script.source.to_owned(),
            count.to_string(),
        ];
        words.extend(keys.iter().map(|key| self.key(key)));
        words.extend(arguments.iter().map(ToString::to_string));
        let mut expiries = Vec::new();
        if script == &ADMIT {
            let owner = || arguments[4].to_owned();
            let millis = |at: usize| arguments[at].parse().map(SignedDuration::from_millis);
            let seconds = |at: usize| arguments[at].parse().map(SignedDuration::from_secs);
            let lifetimes = [
                (0, seconds(3), Condition::Admitted),
                (2, millis(5), Condition::Leader),
                (4, seconds(8), Condition::EpochIs(owner())),
                (5, seconds(8), Condition::GenerationIs(owner())),
            ];
            for (at, lifetime, condition) in lifetimes {
                // A request without a rate limit has no lifetime, and only reads have all keys.
                if let (Some(key), Ok(lifetime)) = (keys.get(at), lifetime) {
                    expiries.push(Expiry::new(key, now, lifetime, condition));
                }
            }
        }
        (words, expiries)
    }

    fn key(&mut self, key: &str) -> String {
        self.used_keys.insert(key.to_owned());
        format!("{}{key}", self.prefix)
    }

    fn send(&self, runtime: &Runtime, commands: &[Vec<String>]) -> Vec<Value> {
        let request = Request::post("/pipeline")
            .header(header::AUTHORIZATION, format!("Bearer {TOKEN}"))
            .body(Body::from(json!(commands).to_string()))
            .unwrap();
        let router = self.router.clone();
        let (status, body) = runtime.block_on(async {
            let response = router.oneshot(request).await.unwrap();
            let status = response.status();
            (
                status,
                response.into_body().collect().await.unwrap().to_bytes(),
            )
        });
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).unwrap()
    }
}

impl Expiry {
    fn new(key: &str, now: Timestamp, lifetime: SignedDuration, condition: Condition) -> Self {
        Self {
            key: key.to_owned(),
            at: now.checked_add(lifetime).unwrap(),
            condition,
        }
    }
}

/// Makes every cache entry seem to have the current generation, and makes no request the leader.
fn hide_generation(command: &[String], result: &mut Value) {
    if command.get(1).is_none_or(|digest| digest != ADMIT.sha1) {
        return;
    }
    if let Some(envelope) = result[3].as_str() {
        let generation = envelope.split(' ').next().unwrap_or_default().to_owned();
        result[4] = generation.into();
        result[2] = 0.into();
    }
}
